"""What each layer of one cached request costs, and whether that adds up to what the server's process takes.

`python -m benchmarks.layers` takes half a minute. In process the application is peeled, layer by layer, and
asked the same: a layer's cost is that of the stack with it less that of the stack within it. What the query
lane does is asked by itself, part by part. Then the server's process is asked over HTTP, beside a bare ASGI
app that sends the same bytes, which is what the HTTP server alone costs. All is processor time, medians.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.asgi import Running, application
from benchmarks.peers import bare, collector, gateway
from benchmarks.queries import QUERIES
from benchmarks.rounds import ask_in_turn
from benchmarks.same import answers_of
from benchmarks.served import keep_to, simulator, two_cores
from gateway.web.media_types import AnswerType
from gateway.web.results import answer_data

ROUNDS, ASKED = 60, 40
LABEL: Final = "Q2"
BODY: Final = QUERIES[LABEL].body()
GUARDED: Final = "gateway.web.connections:GuardedConnection"
SHOWN: Final = {
    "Starlette": "Starlette's application",
    "Parting": "`Parting`: connections end while draining",
    "Observation": "`Observation`: request id, span, log fields, access line, metrics",
    "ForeignPages": "`ForeignPages`: writes from other origins",
    "Shedding": "`Shedding`: so many requests at a time",
}


async def nothing(_scope: Any, receive: Any, send: Any) -> None:
    """What the harness itself costs."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def layers_of(app: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Microseconds: of each layer with all that is within it, less the harness; and of the lane's parts."""
    async with Running(app) as running:
        for _ in range(3):
            await running.ask(body=BODY)
        stack = running.layers()
        within = [name for name, _ in stack].index("QueryLane") + 1
        asks = {name: running.asking(layer, body=BODY) for name, layer in stack[:within]}
        asks["harness"] = running.asking(nothing, body=BODY)
        parts = _parts_of_lane(running)
        spent: dict[str, list[float]] = {name: [] for name in (*asks, *parts)}
        for _ in range(ROUNDS):
            for name, ask in asks.items():
                begun = time.process_time()
                for _ in range(ASKED):
                    await ask()
                spent[name].append((time.process_time() - begun) / ASKED * 1e6)
            for name, part in parts.items():
                begun = time.process_time()
                for _ in range(ASKED):
                    part()
                spent[name].append((time.process_time() - begun) / ASKED * 1e6)
    usual = {name: statistics.median(found) for name, found in spent.items()}
    return {name: usual[name] - usual["harness"] for name in asks if name != "harness"}, {
        name: usual[name] for name in parts
    }


def _parts_of_lane(running: Running) -> dict[str, Callable[[], Any]]:
    """What the lane asks others for, each to be asked by itself."""
    lane = running.layer("QueryLane")
    recognition, authentication, executor = lane._recognition, lane._authentication, lane._executor  # noqa: SLF001
    scope = running.scope("/graphql", method="POST", body=BODY, headers={})
    [question, _] = recognition.question_of(scope, BODY)
    known = recognition.find(question)
    visitor, operation = known.visitor, known.operation
    held, bound = visitor.held, known.bound
    readings = [held.agents_at_hand(bound), held.queues_at_hand(bound)]

    def find() -> Any:
        return executor.find(operation, tenant_id=visitor.tenant_id, scopes=visitor.caller.scope_names)

    def recall() -> Any:
        found: dict[str, Any] = {}
        return find().recall(
            lambda name: held.queues_at_hand(bound) if name == "queues" else held.agents_at_hand(bound),
            readings=found,
        )

    data = recall()
    assert data is not None
    return {
        "recognition: a digest of the head, the body read": lambda: recognition.find(
            recognition.question_of(scope, BODY)[0]
        ),
        "authentication: who was known still is; rates": lambda: (
            authentication.knows(visitor),
            authentication.count(visitor),
        ),
        "executor: the remembered answer, two listings at hand and their versions": recall,
        "answer: headers with ages, bytes": lambda: answer_data(
            data, readings=readings, kind=AnswerType.JSON
        ),
    }


def over_http(folder: Path, *, evolux: str, otlp: str, core: int | None) -> dict[str, float]:
    """Microseconds per request of the gateway's process, with traces and without, and of the bare app's."""
    with ExitStack() as stack:
        servers = {
            "shipped": stack.enter_context(gateway(folder, evolux=evolux, otlp=otlp, core=core)),
            "untraced": stack.enter_context(gateway(folder, evolux=evolux, otlp=None, core=core)),
        }
        answers = answers_of(servers["shipped"], queries={LABEL: QUERIES[LABEL]})
        for name, http in (("server", "auto"), ("guarded", GUARDED)):
            servers[name] = stack.enter_context(bare(answers, folder=folder, core=core, http=http))
        seen = ask_in_turn(servers, label=LABEL, query=QUERIES[LABEL], rounds=8, seconds=1.0, connections=16)
    return {name: statistics.median(cpu for cpu, _ in rounds) for name, rounds in seen.items()}


def table(layers: dict[str, float], parts: dict[str, float], *, served: dict[str, float]) -> str:
    """One line per layer, their sum, and what was measured."""
    costs = list(layers.items())
    lines = {
        "uvicorn, httptools, the socket (a bare ASGI app's request)": served["server"],
        "`GuardedConnection`: times for heads and writes": served["guarded"] - served["server"],
    }
    for (name, cost), (_, inner) in zip(costs, [*costs[1:], ("", 0.0)], strict=True):
        if name != "QueryLane":
            lines[SHOWN.get(name, name)] = cost - inner
    lines["`QueryLane`: its own steps, and sending"] = layers["QueryLane"] - sum(parts.values())
    lines |= {f"`QueryLane`, {name}": cost for name, cost in parts.items()}
    lines["traces: 5 % recorded, exported by a thread"] = served["shipped"] - served["untraced"]
    total, whole = sum(lines.values()), served["shipped"]
    rows = [f"| {name} | {cost:.0f} | {cost / total:.0%} |" for name, cost in lines.items()]
    return "\n".join(
        [
            "| layer | us CPU | share |",
            "| --- | ---: | ---: |",
            *rows,
            f"| **sum** | {total:.0f} | |",
            f"| **measured over HTTP** | {whole:.0f} | the sum is {total / whole - 1:+.0%} |",
        ]
    )


def main() -> None:
    """Print the table."""
    server_core, load_core = two_cores()
    keep_to(load_core)
    with tempfile.TemporaryDirectory() as name, simulator(agents=600) as evolux, collector() as otlp:
        folder = Path(name)
        (folder / "in_process").mkdir()
        served = over_http(folder, evolux=evolux, otlp=otlp, core=server_core)
        with application(folder / "in_process", evolux=evolux, otlp=None) as app:
            layers, parts = uvloop.run(layers_of(app))
        print(table(layers, parts, served=served))
    print(f"\nThe machine's load average is {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
