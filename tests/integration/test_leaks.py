"""Nothing planted comes out in a span, a metric or a log line, whatever goes wrong; a storm writes little."""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable

import pytest

from gateway.domain.ids import TenantId
from gateway.settings import CacheSettings, LimitSettings, TelemetrySettings
from gateway.simulator.faults import Faults
from gateway.simulator.interference import HTML_PAGE
from gateway.simulator.world import World
from tests.otlp import TRACEPARENT, receiving, until
from tests.served import KEY, TOKEN, Plan, Served, serving, token_of

PASSWORD = "planted-password-of-ana"
OTHER_KEY = "planted-key-of-nobody"
QUERY = "query($login: String!) { agents(first: 1) { totalCount } agentByLogin(login: $login) { id } }"
CREATE = """mutation($password: String!) {
  createAgent(input: {name: "Ana Planted", login: "ana.planted", password: $password, queueIds: []}) {
    agent { id } errors { code }
  }
}"""
TOKEN_ECHO = f'{{"meta": {{"status": 400, "message": "o token {TOKEN} falhou"}}}}'.encode()
ECHO = f'{{"meta": {{"status": 400, "message": "{TOKEN}"}}, "errors": ["senha {PASSWORD}"]}}'.encode()
"""Evolux repeats what it was sent: the token always, the password to who sent it."""
PLANTED = (TOKEN, PASSWORD, KEY, OTHER_KEY, "Ana Planted", "ana.planted")
CAREFUL = LimitSettings(
    upstream_read_seconds=0.3, upstream_deadline_seconds=0.8, read_attempts=2, retry_wait_seconds=0.01
)
NEVER_HELD = CacheSettings(fresh_seconds=0, stale_seconds=0, stale_if_error_seconds=0)


def echo(faults: Faults, status: int) -> None:
    """Answer every request with what it carried."""
    faults.answer(status, body=ECHO, method="POST", count=None)
    faults.answer(status, body=TOKEN_ECHO, method="GET", count=None)


FAULTS: dict[str, Callable[[Faults], object]] = {
    "none": lambda _faults: None,
    "reset": lambda faults: faults.reset(count=None),
    "answer lost": lambda faults: faults.lose_answer(count=None),
    "hang": lambda faults: faults.hang(count=None),
    "truncated": lambda faults: faults.truncate(count=None),
    "HTML": lambda faults: faults.answer(502, body=HTML_PAGE, content_type="text/html", count=None),
    "a refusal that repeats": lambda faults: echo(faults, 400),
    "a failure that repeats": lambda faults: echo(faults, 500),
    "a refused token that it repeats": lambda faults: echo(faults, 401),
    "429": lambda faults: faults.rate_limit(retry_after_seconds=1, count=None),
}


def world() -> World:
    return World.seeded(60, token=token_of("acme"))


def spellings(secret: str) -> set[str]:
    """The secret as it is, and as a header, a repr or an encoding may show it."""
    return {secret, base64.b64encode(secret.encode()).decode(), secret.encode().hex()}


async def ask_everything(served: Served) -> None:
    """A read, a write with a password, a key that nobody has, and a document with a secret in its text."""
    await served.post(QUERY, headers=TRACEPARENT, login="ana.planted")
    await served.post(CREATE, headers=TRACEPARENT, password=PASSWORD)
    await served.post(QUERY, key=OTHER_KEY, headers=TRACEPARENT, login="ana.planted")
    await served.post(f'{{ agentByLogin(login: "{PASSWORD}") {{ nothing }} }}', headers=TRACEPARENT)


@pytest.mark.parametrize("name", FAULTS)
async def test_no_signal_of_any_fault_shows_what_was_planted(name: str) -> None:
    async with receiving() as received:
        telemetry = TelemetrySettings(
            log_format="json", otlp_endpoint=received.endpoint, sample_ratio=1.0, trace_evolux=True
        )
        plan = Plan(cache=NEVER_HELD, limits=CAREFUL, telemetry=telemetry)
        async with serving(world(), plan=plan) as (served, simulators):
            await served.ask("{ queues { id } }")  # by now the greeting is over, and no fault meets it
            FAULTS[name](simulators["acme"].faults)
            await ask_everything(served)
            page = (await served.client.get("/metrics")).text
            logs = served.logs
            simulators["acme"].faults.clear()
        await until(lambda: len(received.named("POST /graphql")) >= 4)
    signals = {"spans": str(received.spans), "metrics": page, "logs": logs.getvalue()}
    assert all(signals.values())
    assert "GET /api/v1/" in signals["spans"]
    assert "http.access" in signals["logs"]
    assert ("upstream.said" in signals["logs"]) is ("repeats" in name)
    for where, text in signals.items():
        for secret in PLANTED:
            assert not [one for one in spellings(secret) if one in text], (where, secret)


async def test_a_thousand_failing_attempts_write_a_bounded_number_of_lines() -> None:
    limits = LimitSettings(
        read_attempts=1,
        breaker_failures=10_000,
        upstream_requests_per_second=10_000,
        upstream_burst=100_000,
        caller_requests_per_second=100_000,
        caller_burst=100_000,
    )
    attempts = 'gateway_upstream_attempts_total{endpoint="GET /api/v1/agents"'
    async with serving(world(), plan=Plan(cache=NEVER_HELD, limits=limits)) as (served, simulators):
        simulators["acme"].faults.answer(500, body=TOKEN_ECHO, path="/api/v1/agents", count=None)
        for _ in range(50):
            await asyncio.gather(
                *(served.gateway._running[TenantId("acme")].evolux.agents() for _ in range(20)),
                return_exceptions=True,
            )
        await served.fail("{ agents(first: 1) { totalCount } }")
        page = (await served.client.get("/metrics")).text
        during = served.log_lines()
        simulators["acme"].faults.clear()
        await served.ask("{ agents(first: 1) { totalCount } }")
        lines = served.log_lines()

    [counted] = [line for line in page.splitlines() if line.startswith(attempts)]
    assert float(counted.rpartition(" ")[2]) == 1_001
    told = Counter(line["event"] for line in during if line["level"] in {"warning", "error"})
    assert told == {"upstream.failed": 1, "walk.failed": 1, "upstream.said": 10}
    after = {line["event"]: line.get("count") for line in lines[len(during) :]}
    assert (after["upstream.recovered"], after["walk.recovered"]) == (1_001, 1_001)
