"""`/v1/status` for a person: the state of what the caller may see, and nothing that opens a door."""

import json
from dataclasses import replace

import httpx

from gateway.domain.secrets import KeyDigest, SecretUrl
from gateway.settings import CacheSettings, CallerSettings, LimitSettings
from gateway.settings.tree import ScopeName
from gateway.simulator.world import World
from tests.replicas import running_valkey, until
from tests.served import READER_KEY, Plan, Served, serving, token_of

OPERATOR, CUSTOMER = "planted-key-of-an-operator", "planted-key-of-a-customer"
COUNT = "{ agents(first: 1) { totalCount } }"
WATCHES: tuple[ScopeName, ...] = ("gateway:status",)
PLAN = Plan(
    callers={
        "operator": CallerSettings(key_sha256=KeyDigest.of(OPERATOR), tenants=("*",), scopes=WATCHES),
        "customer": CallerSettings(key_sha256=KeyDigest.of(CUSTOMER), tenants=("bravo",), scopes=WATCHES),
    },
    limits=LimitSettings(breaker_failures=1, breaker_open_seconds=30, read_attempts=1),
)


def worlds() -> dict[str, World]:
    return {name: World.seeded(40, token=token_of(name)) for name in ("acme", "bravo")}


async def status(served: Served, *, key: str = OPERATOR) -> httpx.Response:
    return await served.client.get("/v1/status", headers={"Authorization": f"Bearer {key}"})


async def test_an_operator_sees_tenants_breakers_and_the_ages_of_listings() -> None:
    async with serving(worlds(), plan=PLAN) as (served, simulators):
        await served.ask(COUNT, headers={"X-Tenant": "acme"})
        simulators["bravo"].faults.answer(503, path="/api/v1/agents", count=None)
        await served.fail(COUNT, headers={"X-Tenant": "bravo"})
        asked = len(simulators["acme"].requests), len(simulators["bravo"].requests)
        answer = await status(served)
        assert (len(simulators["acme"].requests), len(simulators["bravo"].requests)) == asked

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["status"] == "degraded"
    assert told["configuration"] == {"is_followed": False, "refused": None}
    assert (told["sharing"], told["sharing_for_seconds"]) == (None, None)
    acme, bravo = told["tenants"]["acme"], told["tenants"]["bravo"]
    assert (acme["breaker"], acme["problem"]) == ("closed", None)
    assert set(acme["listing_ages_seconds"]) == {"agents", "queues"}
    assert 0 <= acme["listing_ages_seconds"]["agents"] < 20
    assert (bravo["breaker"], bravo["problem"]) == ("open", "UPSTREAM_UNAVAILABLE")
    assert 0 < bravo["breaker_opens_again_in_seconds"] <= 30
    assert "agents" not in bravo["listing_ages_seconds"]


async def test_whether_and_since_when_listings_are_shared_is_told_and_measured() -> None:
    async def sharing() -> tuple[bool, float]:
        page = (await served.client.get("/metrics")).text
        [shown] = [line.split()[1] for line in page.splitlines() if line.startswith("gateway_sharing_state")]
        told = (await status(served)).json()
        assert float(shown) == told["sharing"]
        return told["sharing"], told["sharing_for_seconds"]

    with running_valkey() as valkey:
        plan = replace(PLAN, cache=CacheSettings(valkey_url=SecretUrl(valkey.url)))
        async with serving(worlds(), plan=plan) as (served, _):
            await until(lambda: served.gateway.status().sharing is True)
            is_sharing, seconds = await sharing()
            assert (is_sharing, seconds <= (await status(served)).json()["up_seconds"]) == (True, True)
            valkey.kill()
            await until(lambda: served.gateway.status().sharing is False)
            is_sharing, seconds = await sharing()
            assert (is_sharing, seconds < 5) == (False, True)
            valkey.start()
            await until(lambda: served.gateway.status().sharing is True)
            is_sharing, seconds = await sharing()
            assert (is_sharing, seconds < (await status(served)).json()["up_seconds"]) == (True, True)


async def test_without_valkey_there_is_no_word_of_sharing_among_the_metrics() -> None:
    async with serving(worlds(), plan=PLAN) as (served, _):
        assert "gateway_sharing_state" not in (await served.client.get("/metrics")).text


async def test_a_caller_sees_its_own_tenants_alone() -> None:
    async with serving(worlds(), plan=PLAN) as (served, _):
        told = (await status(served, key=CUSTOMER)).json()
    assert set(told["tenants"]) == {"bravo"}
    assert "acme" not in json.dumps(told)


async def test_without_the_scope_nothing_is_shown() -> None:
    async with serving(worlds(), plan=PLAN) as (served, _):
        refused = await status(served, key=READER_KEY)
        unknown = await status(served, key="planted-key-of-nobody")
        lines = served.log_lines()
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert refused.headers["www-authenticate"] == (
        'Bearer realm="evolux-gateway", error="insufficient_scope", scope="gateway:status"'
    )
    assert (unknown.status_code, "tenants" in unknown.json()) == (401, False)
    told = [(line["route"], line["status"], line["code"]) for line in lines if line["event"] == "http.access"]
    assert told == [("/v1/status", 403, "FORBIDDEN"), ("/v1/status", 401, "UNAUTHENTICATED")]


async def test_no_secret_and_no_address_is_shown() -> None:
    async with serving(worlds(), plan=PLAN) as (served, simulators):
        text = (await status(served)).text
    for secret in (*map(token_of, simulators), OPERATOR, CUSTOMER, KeyDigest.of(OPERATOR).__repr__()):
        assert secret not in text
    assert "127.0.0.1" not in text


async def test_it_is_read_and_nothing_else() -> None:
    async with serving(worlds(), plan=PLAN) as (served, _):
        answer = await served.client.post("/v1/status", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
