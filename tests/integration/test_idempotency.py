"""One key, one write: on one replica and on two, whole answers replayed, nothing secret kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from gateway.cache import valkey_answers
from gateway.cache.valkey_answers import ValkeyAnswers
from gateway.domain.errors import OutcomeUnknown, Overloaded
from gateway.domain.idempotency import KeptAnswer, OnceOnly, Standing, claim_of
from gateway.domain.ids import TenantId
from gateway.domain.secrets import SecretUrl
from gateway.settings import CacheSettings
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.replicas import Lines, RunningValkey, running_valkey
from tests.served import READER_KEY, Plan, Served, serving, serving_gateway, settings_for, token_of

PAUSE = 'mutation { pauseAgent(input: {agentId: "2", pauseId: "49"}) { agent { id state } errors { code } } }'
UNPAUSE = PAUSE.replace("pauseAgent", "unpauseAgent").replace(', pauseId: "49"', "")
PAUSED = "/api/v1/agents/2/pause"


def with_key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


@pytest.fixture
def world() -> World:
    return a_world(agents=6)


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        yield served, simulators["acme"]


async def test_fifty_duplicates_at_once_write_once(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    answers = await asyncio.gather(*(served.post(PAUSE, headers=with_key('"k-1"')) for _ in range(50)))
    assert simulator.requests.count(PAUSED) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["data"]["pauseAgent"]["agent"] == {"id": "2", "state": "PAUSED"}
    assert (
        sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == [""] + ["true"] * 49
    )


async def test_a_kept_answer_outlives_what_it_told(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    first = await served.post(PAUSE, headers=with_key("k-1"))
    await served.ask(UNPAUSE)
    again = await served.post(PAUSE, headers=with_key("k-1"))
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert simulator.world.agents[2].current_pause is None


async def test_another_input_under_the_key_is_refused(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    await served.post(PAUSE, headers=with_key("k-1"))
    for other in (PAUSE.replace('"49"', '"50"'), UNPAUSE):
        answer = await served.post(other, headers=with_key("k-1"))
        assert answer.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert answer.status_code == 422
    assert simulator.requests.count("/api/v1/agents/2/unpause") == 0
    assert simulator.requests.count(PAUSED) == 1


async def test_a_key_that_is_none_is_a_bad_request(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    answer = await served.post(PAUSE, headers=with_key("a b"))
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert simulator.requests.count(PAUSED) == 0


async def test_a_refusal_for_good_is_kept_and_one_that_passes_is_not(
    both: tuple[Served, RunningSimulator],
) -> None:
    served, simulator = both
    refused = await served.post(UNPAUSE, headers=with_key("k-1"))
    assert refused.json()["data"]["unpauseAgent"]["errors"] == [{"code": "AGENT_NOT_PAUSED"}]
    assert "idempotency-replayed" in (await served.post(UNPAUSE, headers=with_key("k-1"))).headers
    simulator.world.set_on_call(2, True)
    logoff = 'mutation { logoffAgent(input: {agentId: "2"}) { errors { code } } }'
    on_call = await served.post(logoff, headers=with_key("k-2"))
    assert on_call.json()["data"]["logoffAgent"]["errors"] == [{"code": "AGENT_ON_CALL"}]
    simulator.world.set_on_call(2, False)
    again = await served.post(logoff, headers=with_key("k-2"))
    assert again.json()["data"]["logoffAgent"]["errors"] == []


async def test_several_mutations_under_one_key_are_one_answer(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    two = """mutation { a: pauseAgent(input: {agentId: "2", pauseId: "49"}) { errors { code } }
    b: pauseAgent(input: {agentId: "2", pauseId: "50"}) { errors { code } } }"""
    first = await served.post(two, headers=with_key("k-1"))
    assert first.json()["data"] == {"a": {"errors": []}, "b": {"errors": [{"code": "AGENT_ALREADY_PAUSED"}]}}
    assert (await served.post(two, headers=with_key("k-1"))).json() == first.json()
    assert simulator.requests.count(PAUSED) == 2


async def test_a_query_is_not_kept(both: tuple[Served, RunningSimulator]) -> None:
    served, _ = both
    for _ in range(2):
        answer = await served.post("{ agents { totalCount } }", headers=with_key("k-1"))
        assert "idempotency-replayed" not in answer.headers


async def test_a_write_that_may_not_be_made_is_not_kept(both: tuple[Served, RunningSimulator]) -> None:
    served, _ = both
    for _ in range(2):
        answer = await served.post(PAUSE, key=READER_KEY, headers=with_key("k-1"))
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "idempotency-replayed" not in answer.headers


@pytest.fixture
def valkey() -> Iterator[RunningValkey]:
    with running_valkey() as server:
        yield server


def incidents() -> IncidentLog:
    return IncidentLog(
        Lines(),  # type: ignore[arg-type]  # the two methods that are used
        failed=events.ANSWERS_FAILED,
        recovered=events.ANSWERS_RECOVERED,
        monotonic=time.monotonic,
    )


@asynccontextmanager
async def two_replicas(
    world: World, valkey: RunningValkey
) -> AsyncIterator[tuple[list[Served], RunningSimulator]]:
    plan = Plan(limits=PATIENT, cache=CacheSettings(valkey_url=SecretUrl(valkey.url)))
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(world))
        tokens = {"acme": token_of("acme")}
        settings = settings_for({"acme": simulator.base_url}, plan=plan, tokens=tokens)
        replicas = [await stack.enter_async_context(serving_gateway(settings)) for _ in range(2)]
        yield replicas, simulator


async def test_fifty_duplicates_on_two_replicas_write_once(world: World, valkey: RunningValkey) -> None:
    async with two_replicas(world, valkey) as (replicas, simulator):
        asked = [replicas[at % 2].post(PAUSE, headers=with_key("k-1")) for at in range(50)]
        answers = await asyncio.gather(*asked)
        writes = simulator.requests.count(PAUSED)
    assert writes == 1
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 49


async def test_valkey_is_told_no_password_and_no_key(world: World, valkey: RunningValkey) -> None:
    create = """mutation { createAgent(input: {name: "N", login: "l", password: "planted-password"})
    { agent { login } errors { code } } }"""
    async with two_replicas(world, valkey) as (replicas, _):
        first = await replicas[0].post(create, headers=with_key("planted-key"))
        again = await replicas[1].post(create, headers=with_key("planted-key"))
        kept = valkey.values()
    assert again.json() == first.json()
    assert b"login" in repr(kept).encode()
    assert "planted" not in repr(kept)


async def test_without_valkey_a_keyed_write_is_turned_away_unsent(
    world: World, valkey: RunningValkey
) -> None:
    async with two_replicas(world, valkey) as (replicas, simulator):
        valkey.kill()
        answer = await replicas[0].post(PAUSE, headers=with_key("k-1"))
        error = answer.json()["errors"][0]
        assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("OVERLOADED", True)
        assert simulator.requests.count(PAUSED) == 0
        assert (await replicas[0].ask(PAUSE))["pauseAgent"]["errors"] == []


async def test_a_claim_whose_holder_died_is_unknown(
    valkey: RunningValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey_answers, "_LEASE_MS", 30)
    claim = claim_of("k", tenant_id=TenantId("acme"), caller_name="board", request=b"pause")
    died = ValkeyAnswers(SecretUrl(valkey.url), incidents=incidents())
    assert await died.claim(claim) is Standing.MINE
    await died.close()

    async def never() -> KeptAnswer:
        raise AssertionError("it was run a second time")

    heir = ValkeyAnswers(SecretUrl(valkey.url), incidents=incidents())
    with pytest.raises(OutcomeUnknown):
        await OnceOnly(heir).answer(claim, never)  # type: ignore[arg-type]
    await heir.close()


async def test_a_store_that_is_not_there_turns_away() -> None:
    nowhere = ValkeyAnswers(SecretUrl("valkey://127.0.0.1:1"), incidents=incidents())
    claim = claim_of("k", tenant_id=TenantId("acme"), caller_name="board", request=b"pause")
    with pytest.raises(Overloaded):
        await nowhere.claim(claim)
    await nowhere.release(claim)
    await nowhere.close()
