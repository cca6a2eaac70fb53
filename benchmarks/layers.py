"""What each layer of one cached request costs, and whether that adds up to what the server's process takes.

`python -m benchmarks.layers` takes a quarter of a minute. Processes are asked over HTTP: the gateway with
traces and without, and an app on the gateway's connections that sends the same bytes at once, which is what
the HTTP server alone costs. What is between these two is who answers at once, whose parts are asked in
process, each by itself. All is processor time, medians.
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
from gateway.telemetry.labels import OperationKind
from gateway.web.at_once import METHOD, PATH
from gateway.web.notes import RequestNotes
from gateway.web.observation import RequestHead
from gateway.web.request_ids import request_id_of
from gateway.web.results import answer_data

ROUNDS, ASKED = 60, 40
LABEL: Final = "Q2"
BODY: Final = QUERIES[LABEL].body()
GUARDED: Final = "gateway.web.connections:GuardedConnection"


async def parts_of(app: Any) -> dict[str, float]:
    """Microseconds of all that who answers at once asks others for."""
    async with Running(app) as running:
        for _ in range(3):
            await running.ask(body=BODY)
        asks = _parts(running)
        spent: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(ROUNDS):
            for name, ask in asks.items():
                begun = time.process_time()
                for _ in range(ASKED):
                    ask()
                spent[name].append((time.process_time() - begun) / ASKED * 1e6)
    return {name: statistics.median(found) for name, found in spent.items()}


def _parts(running: Running) -> dict[str, Callable[[], Any]]:
    """Each to be asked by itself."""
    at_once: Any = running.at_once
    lane, tracing, ledger = at_once._lane, at_once._tracing, at_once._ledger  # noqa: SLF001 - a look inside
    scope = running.scope("/graphql", method="POST", body=BODY, headers={})
    assert at_once(scope, BODY) is not None
    begun = lane.begin(scope, BODY)
    visitor, bound = begun.known.visitor, begun.known.bound
    readings = [visitor.held.agents_at_hand(bound), visitor.held.queues_at_hand(bound)]
    notes = RequestNotes(request_id_of(None))
    notes.understood(visitor, kind=OperationKind.QUERY, operation_name=None)
    answer = answer_data(at_once(scope, BODY)[1], readings=readings, kind=begun.known.kind)
    assert answer is not None
    return {
        "what the request's headers say": lambda: RequestHead(scope["headers"]),
        "recognition: a digest of the head, the body read, who was known still is": lambda: lane.begin(
            scope, BODY
        ),
        "whether to trace; the request's id": lambda: (
            tracing.server_span({}, method=METHOD, route=PATH, scheme="http"),
            request_id_of(None),
        ),
        "the remembered answer, two listings at hand and their versions, headers with ages": lambda: (
            lane.at_once(begun, request_id="")
        ),
        "rates of caller and tenant": lambda: lane._authentication.count(visitor),  # noqa: SLF001 - the same
        "the head's bytes": lambda: at_once._parts(answer, request_id="0" * 32, accept_encoding=None),  # noqa: SLF001
        "metrics and the access line": lambda: ledger.enter(
            notes, method=METHOD, route=PATH, status=200, seconds=0.0001
        ),
    }


def over_http(folder: Path, *, evolux: str, otlp: str, core: int | None) -> dict[str, float]:
    """Microseconds per request of the gateway's process, with traces and without, and of its connections."""
    with ExitStack() as stack:
        servers = {
            "shipped": stack.enter_context(gateway(folder, evolux=evolux, otlp=otlp, core=core)),
            "untraced": stack.enter_context(gateway(folder, evolux=evolux, otlp=None, core=core)),
        }
        answers = answers_of(servers["shipped"], queries={LABEL: QUERIES[LABEL]})
        for name, http, app in (("usual", "auto", "app"), ("connection", GUARDED, "at_once")):
            servers[name] = stack.enter_context(bare(answers, folder=folder, core=core, http=http, app=app))
        seen = ask_in_turn(servers, label=LABEL, query=QUERIES[LABEL], rounds=8, seconds=1.0, connections=16)
    return {name: statistics.median(cpu for cpu, _ in rounds) for name, rounds in seen.items()}


def table(parts: dict[str, float], *, served: dict[str, float]) -> str:
    """One line per layer, their sum, and what was measured."""
    lines = {
        "the HTTP server and the socket, with the gateway's connections": served["connection"],
        **parts,
        "the steps between these, and what all of it costs more where the caches are colder": (
            served["untraced"] - served["connection"] - sum(parts.values())
        ),
        "traces: 5 % recorded, exported by a thread": served["shipped"] - served["untraced"],
    }
    total, measured = sum(lines.values()), served["shipped"]
    rows = [f"| {name} | {cost:.0f} | {cost / total:.0%} |" for name, cost in lines.items()]
    return "\n".join(
        [
            "| layer | us CPU | share |",
            "| --- | ---: | ---: |",
            *rows,
            f"| **sum** | {total:.0f} | |",
            f"| **measured over HTTP** | {measured:.0f} | the sum is {total / measured - 1:+.0%} |",
            f"| a bare ASGI app that sends the same bytes | {served['usual']:.0f} | |",
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
            parts = uvloop.run(parts_of(app))
        print(table(parts, served=served))
    print(f"\nThe machine's load average is {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
