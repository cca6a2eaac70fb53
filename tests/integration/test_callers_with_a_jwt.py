"""Callers with a JWT, from socket to socket: keys over HTTP, an outage, a rotation, an edit."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from joserfc.jwk import ECKey

from gateway.main.issuer import FETCH_SECONDS, MAX_JWKS_BYTES, fetch_keys
from gateway.settings import JwtSettings, LimitSettings
from gateway.simulator.world import World
from gateway.tenancy.issuer_keys import KeysMissing
from tests.issuer import AUDIENCE, ISSUER, OTHER_RSA, Issuer, claims, issuing, public, signed
from tests.served import KEY, Plan, Served, serving, settings_for, token_of

QUERY = "{ viewer { name scopes } agents { totalCount } }"


def jwt(issuer: Issuer, **changes: Any) -> JwtSettings:
    return JwtSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.url, **changes)


@asynccontextmanager
async def two_tenants(
    issuer: Issuer, *, limits: LimitSettings | None = None, **changes: Any
) -> AsyncIterator[tuple[Served, Plan, dict[str, str]]]:
    worlds = {name: World(token=token_of(name)) for name in ("acme", "beta")}
    worlds["acme"].add_agent("Ana", login="ana")
    plan = Plan(jwt=jwt(issuer, **changes), limits=limits or LimitSettings())
    async with serving(worlds, plan=plan) as (served, simulators):
        yield served, plan, {name: one.base_url for name, one in simulators.items()}


async def ask(served: Served, token: str, **headers: str) -> httpx.Response:
    return await served.post(QUERY, key=token, headers=headers)


async def fetched_twice(issuer: Issuer) -> None:
    """Wait until the first of two fetches was taken, for the second begins after it."""
    async with asyncio.timeout(10):
        for _ in range(2):
            issuer.arrived.clear()
            await issuer.arrived.wait()


def code_of(answer: httpx.Response) -> str:
    [error] = answer.json()["errors"]
    code: str = error["extensions"]["code"]
    return code


async def test_a_token_opens_its_tenants_with_its_scopes() -> None:
    async with issuing() as issuer, two_tenants(issuer) as (served, _, _):
        answer = await ask(served, signed(claims()))
        assert answer.json()["data"] == {
            "viewer": {"name": "jwt:wallboard", "scopes": ["agents:read"]},
            "agents": {"totalCount": 1},
        }
        other = await ask(served, signed(claims()), **{"X-Tenant": "beta"})
        assert (other.status_code, code_of(other)) == (403, "UNKNOWN_TENANT")
        everywhere = await ask(served, signed(claims(tenants=["*"])), **{"X-Tenant": "acme"})
        assert (everywhere.status_code, code_of(everywhere)) == (403, "UNKNOWN_TENANT")
        both = await ask(served, signed(claims(tenants="acme beta")), **{"X-Tenant": "beta"})
        assert both.json()["data"]["agents"] == {"totalCount": 0}
        assert issuer.fetches == 1
        assert issuer.asked == ["/keys"]


async def test_a_token_without_the_scope_is_forbidden_and_nothing_is_written() -> None:
    async with issuing() as issuer, two_tenants(issuer) as (served, _, _):
        refused = await served.post(
            'mutation { logoffAgent(input: {agentId: "1"}) { errors { code } } }', key=signed(claims())
        )
        assert code_of(refused) == "FORBIDDEN"
        assert "www-authenticate" not in refused.headers


async def test_an_api_key_is_known_without_a_look_at_the_issuer() -> None:
    issuer = Issuer()
    async with issuing(issuer):
        issuer.status = 500
        async with two_tenants(issuer) as (served, _, _):
            answer = await ask(served, KEY, **{"X-Tenant": "acme"})
            assert answer.json()["data"]["viewer"]["name"] == "board"
            assert issuer.fetches <= 1


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(claims(exp=1)), "The token has expired."),
        (signed(claims(aud="another")), "The token is for another audience."),
        (signed(claims(), key=OTHER_RSA), "The token's signature is not the issuer's."),
        (signed(claims(), kid="../../etc/passwd", key=OTHER_RSA, alg="RS256"), "The issuer has no such key."),
        ("not-a-key", "The key is not known, and it is no signed JWT."),
    ],
)
async def test_a_bad_token_is_answered_as_rfc_6750_has_it(token: str, reason: str) -> None:
    async with issuing() as issuer, two_tenants(issuer) as (served, _, _):
        answer = await ask(served, token)
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == (
            f'Bearer realm="evolux-gateway", error="invalid_token", error_description="{reason}"'
        )
        assert token not in answer.text
        assert issuer.asked in ([], ["/keys"])
        nothing = await served.client.post("/graphql", json={"query": QUERY})
        assert nothing.headers["www-authenticate"] == 'Bearer realm="evolux-gateway"'
        assert (await ask(served, signed(claims()))).status_code == 200
        assert token not in served.logs.getvalue()


async def test_strangers_are_slowed_down_together_and_lock_nobody_out() -> None:
    limits = LimitSettings(stranger_requests_per_second=0.001, stranger_burst=3)
    async with issuing() as issuer, two_tenants(issuer, limits=limits) as (served, _, _):
        strangers = [signed(claims(sub=f"guess-{one}"), key=OTHER_RSA) for one in range(4)]
        guesses = [await ask(served, one) for one in ("planted-key-guessed", *strangers)]
        nothing = await served.client.post("/graphql", json={"query": QUERY})
        rest = await served.client.get("/v1/agents", headers={"Authorization": "Bearer planted-key-guessed"})
        status = await served.client.get("/v1/status")
        expired = await ask(served, signed(claims(exp=1)))
        newcomer = await ask(served, signed(claims(sub="first-seen-now")))
        key = await ask(served, KEY, **{"X-Tenant": "acme"})
    assert [one.status_code for one in guesses] == [401, 401, 401, 429, 429]
    for refused in (*guesses[3:], nothing, rest, status):
        assert refused.status_code == 429
        assert "RATE_LIMITED" in refused.text
        assert int(refused.headers["retry-after"]) > 1
        assert "www-authenticate" not in refused.headers
    assert rest.headers["content-type"] == "application/problem+json"
    assert (expired.status_code, "expired" in expired.text) == (401, True)
    assert (newcomer.status_code, key.status_code) == (200, 200)


async def test_a_rotation_is_followed_with_one_fetch_for_a_hundred_callers() -> None:
    new = ECKey.generate_key("P-256")
    async with issuing() as issuer, two_tenants(issuer, refresh_seconds=1) as (served, _, _):
        assert (await ask(served, signed(claims()))).status_code == 200
        issuer.keys = [public(new, kid="new")]
        token = signed(claims(), kid="new", key=new, alg="ES256")
        await fetched_twice(issuer)
        assert (await ask(served, token)).status_code == 200
        fetches, began_at = issuer.fetches, time.monotonic()
        issuer.gate = asyncio.Event()  # from here on the issuer is silent
        answers = await asyncio.gather(*(ask(served, token) for _ in range(100)))
        assert {one.status_code for one in answers} == {200}
        assert issuer.fetches <= fetches + 1 + (time.monotonic() - began_at) // FETCH_SECONDS
        issuer.gate.set()
        issuer.gate = None
        await fetched_twice(issuer)
        assert (await ask(served, signed(claims()))).status_code == 401


async def test_an_outage_logs_nobody_out_and_condemns_no_new_key() -> None:
    async with issuing() as issuer, two_tenants(issuer, refresh_seconds=1) as (served, _, _):
        assert (await ask(served, signed(claims()))).status_code == 200
        issuer.content = b"<html>Bad gateway</html>"
        await fetched_twice(issuer)
        assert (await ask(served, signed(claims()))).status_code == 200
        new = await ask(served, signed(claims(), kid="new", key=OTHER_RSA, alg="RS256"))
        assert (new.status_code, code_of(new)) == (503, "UPSTREAM_UNAVAILABLE")
        assert int(new.headers["retry-after"]) >= 1
        assert "www-authenticate" not in new.headers
        told = [line for line in served.log_lines() if line["event"] == "issuer.keys_failed"]
        assert [line["reason"] for line in told] == ["not a JWKS of at most 100 keys"]


async def test_an_issuer_that_never_answered_gives_503_to_tokens_and_nothing_to_keys() -> None:
    issuer = Issuer()
    issuer.status = 404
    async with issuing(issuer), two_tenants(issuer) as (served, _, _):
        answers = [
            await ask(served, signed(claims(), kid=f"rsa-{one}", key=OTHER_RSA, alg="RS256"))
            for one in range(20)
        ]
        assert {one.status_code for one in answers} == {503}
        assert (await ask(served, KEY, **{"X-Tenant": "acme"})).status_code == 200
        assert issuer.fetches == 1


async def test_an_edit_of_the_issuer_is_taken_without_a_restart() -> None:
    other = "https://other.example.com"
    async with issuing() as issuer, issuing() as second, two_tenants(issuer) as (served, plan, urls):
        tokens = {name: token_of(name) for name in urls}
        assert (await ask(served, signed(claims()))).status_code == 200
        second.keys = [public(OTHER_RSA, kid="theirs")]
        plan.jwt = msgspec.structs.replace(jwt(second), issuer=other)
        served.gateway.apply(settings_for(urls, plan=plan, tokens=tokens))
        theirs = signed(claims(iss=other), kid="theirs", key=OTHER_RSA, alg="RS256")
        assert (await ask(served, theirs)).status_code == 200
        assert (await ask(served, signed(claims()))).status_code == 401
        served.gateway.apply(settings_for(urls, plan=plan, tokens=tokens))
        assert (await ask(served, theirs)).status_code == 200
        assert (issuer.fetches, second.fetches) == (1, 1)
        plan.jwt = None
        served.gateway.apply(settings_for(urls, plan=plan, tokens=tokens))
        gone = await ask(served, theirs)
        assert (gone.status_code, gone.json()["errors"][0]["message"]) == (401, "The API key is not known.")


async def reason(issuer: Issuer, *, seconds: float = 5.0) -> str:
    with pytest.raises(KeysMissing) as missing:
        await fetch_keys(issuer.url, seconds=seconds)
    return str(missing.value)


async def test_what_is_no_key_set_is_a_fault_in_bounded_time_and_size() -> None:
    async with issuing() as issuer:
        issuer.status, issuer.headers = 302, {"location": "http://127.0.0.1:1/elsewhere"}
        assert await reason(issuer) == "HTTP status 302"
        issuer.status, issuer.headers = 200, {}
        issuer.content = json.dumps({"keys": issuer.keys}).encode() + b" " * MAX_JWKS_BYTES
        assert await reason(issuer) == f"more than {MAX_JWKS_BYTES} bytes"
        issuer.content, issuer.headers = b"\x1f\x8b not gzip", {"content-encoding": "gzip"}
        assert await reason(issuer) == "not a JWKS of at most 100 keys"
        issuer.gate = asyncio.Event()
        assert await reason(issuer, seconds=0.05) == "TimeoutError"
    assert await reason(issuer) == "ClientConnectorError"
