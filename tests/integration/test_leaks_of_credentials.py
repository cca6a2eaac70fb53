"""Planted: a token, a password, API keys, JWTs. Everything is asked of both surfaces, and while Evolux fails.

Nothing planted stands in an answer, a header, a log line, a metric, or a key or value in Valkey.
"""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.domain.secrets import SecretUrl
from gateway.settings import CacheSettings, JwtSettings, LimitSettings
from gateway.simulator.faults import Faults
from gateway.simulator.world import World
from tests.integration.test_leaks import FAULTS
from tests.issuer import AUDIENCE, ISSUER, OTHER_RSA, claims, issuing, signed
from tests.replicas import RunningValkey, running_valkey
from tests.served import KEY, TOKEN, Plan, Served, serving, token_of

PASSWORD = "planted-password-of-ana"
WRONG_KEY = "planted-key-of-nobody"
GOOD_JWT = signed(claims(scope="agents:read agents:write", exp=time.time() + 86_400))
BAD_JWTS = (signed(claims(exp=1)), signed(claims(), key=OTHER_RSA), signed(claims(aud="planted-audience")))
PLANTED = (TOKEN, PASSWORD, KEY, WRONG_KEY, "planted-audience", *(one.rpartition(".")[2] for one in BAD_JWTS))
CREDENTIALS = (KEY, GOOD_JWT, WRONG_KEY, *BAD_JWTS)
CAREFUL = LimitSettings(
    upstream_read_seconds=0.2,
    upstream_deadline_seconds=0.4,
    read_attempts=1,
    caller_burst=10_000,
    breaker_failures=10_000,
    upstream_burst=10_000,
)
DOCUMENTS = (
    "{ agents { nodes { id allowedPauses { pause { id } } } } queues { id } pauses { id } viewer { name } }",
    '{ agent(id: "1") { name } agentByLogin(login: "nobody") { id } queue(id: "1") { name } }',
    "{ agentStates(groupBy: [QUEUE, STATE]) { total { agents } } }",
    f'mutation {{ createAgent(input: {{name: "A", login: "a", password: "{PASSWORD}"}}) {{ changed }} }}',
    f'mutation {{ updateAgent(input: {{id: "1", password: "{PASSWORD}"}}) {{ errors {{ message }} }} }}',
    'mutation { pauseAgent(input: {agentId: "1", pauseId: "49"}) { errors { message } } }',
    'mutation { unpauseAgent(input: {agentId: "1"}) { errors { message } } }',
    'mutation { logoffAgent(input: {agentId: "1"}) { errors { message } } }',
    'mutation { logoffAgents(input: {agentIds: ["1", "2"]}) { results { error { message } } } }',
    f'mutation {{ createAgent(input: {{password: "{PASSWORD}"}}) {{ agent {{ id }} }} }}',
    f'{{ agents(first: "{PASSWORD}") {{ totalCount }} }}',
    f'{{ "{PASSWORD}" }}',
)
REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/agents", None),
    ("GET", "/agents/1", None),
    ("GET", "/agents/1/allowed-pauses", None),
    ("GET", "/queues", None),
    ("GET", "/pauses", None),
    ("GET", "/agent-states", None),
    ("GET", "/viewer", None),
    ("POST", "/agents", {"name": "B", "login": "b", "password": PASSWORD}),
    ("PATCH", "/agents/1", {"password": PASSWORD}),
    ("POST", "/agents/1/pause", {"pauseId": "49"}),
    ("POST", "/agents/1/unpause", {}),
    ("POST", "/agents/1/logoff", {}),
    ("POST", "/bulk/logoff", {"agentIds": ["1", "2"]}),
    ("POST", "/agents", {"name": "B", "password": [PASSWORD]}),
    ("POST", "/agents", PASSWORD),
)


@pytest.fixture(scope="module")
def valkey() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


async def ask_everything(served: Served) -> list[httpx.Response]:
    """Every operation of both surfaces as each of the callers who can do it, and once as each who cannot."""
    answers = []
    for credential in CREDENTIALS:
        is_known = credential in {KEY, GOOD_JWT}
        headers = {"X-Tenant": "acme"}
        for index, document in enumerate(DOCUMENTS if is_known else DOCUMENTS[:1]):
            once = {**headers, "Idempotency-Key": f"{credential[:5]}-{index}"}
            answers.append(await served.post(document, key=credential, headers=once))
        for method, path, body in REQUESTS if is_known else REQUESTS[:1]:
            answers.append(
                await served.client.request(
                    method,
                    f"/v1{path}",
                    headers={**headers, "Authorization": f"Bearer {credential}"},
                    **({} if body is None else {"json": body}),
                )
            )
    return answers


def shown(answers: list[httpx.Response]) -> str:
    return "\n".join(f"{answer.status_code} {answer.headers} {answer.text}" for answer in answers)


def spellings(secret: str) -> set[str]:
    """The secret as it is, and as a header, a repr or an encoding may show it."""
    return {secret, base64.b64encode(secret.encode()).decode(), secret.encode().hex()}


@pytest.mark.parametrize("name", ["none", "reset", "a refusal that repeats", "a failure that repeats"])
async def test_nothing_planted_is_shown_to_anybody(name: str, valkey: RunningValkey) -> None:
    world = World.seeded(20, token=token_of("acme"))
    cache = CacheSettings(valkey_url=SecretUrl(valkey.url), fresh_seconds=0, stale_if_error_seconds=30)
    async with issuing() as issuer:
        jwt = JwtSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.url)
        async with serving(world, plan=Plan(cache=cache, limits=CAREFUL, jwt=jwt)) as (served, simulators):
            faults: Faults = simulators["acme"].faults
            answers = await ask_everything(served)
            FAULTS[name](faults)
            answers += await ask_everything(served)
            page = (await served.client.get("/metrics")).text
            held = b"\n".join(key + b" " + value for key, value in valkey.values().items())
            faults.clear()
            told = served.logs.getvalue()
    places = {
        "answers": shown(answers),
        "metrics": page,
        "logs": told,
        "valkey": held.decode("utf-8", "replace"),
    }
    statuses = {answer.status_code for answer in answers}
    assert statuses >= {200, 201, 400, 401}
    assert 500 not in statuses
    assert "evolux-gateway/acme/" in places["valkey"]
    assert "audit.mutation" in places["logs"]
    for where, text in places.items():
        for secret in (*PLANTED, GOOD_JWT.rpartition(".")[2]):
            assert not [one for one in spellings(secret) if one in text], (where, secret)
