"""`EvoluxCallCenter` against the simulator over a socket: the contract, the walk, and trouble on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.domain.agents import Agent, AgentState
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import (
    AgentNotFound,
    GatewayError,
    OutcomeUnknown,
    UpstreamCredentialsRejected,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.observing import Odd
from gateway.evolux.retries import Retries
from gateway.simulator.records import Queue
from gateway.simulator.rows import WireForm
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from gateway.telemetry.labels import WalkOutcome
from tests.contract.call_center_contract import CallCenterContract, ContractWorld
from tests.unit.evolux.raw_evolux import Tokens, Watcher, a_client
from tests.unit.simulator.serving import NOON, TOKEN, Clock, small_world

AGENTS = "/api/v1/agents"
AGENT_COUNT = 120
TRUST = httpx.create_ssl_context(trust_env=False)


class Stage:
    """A simulator, the call centre in front of it, and what that told."""

    def __init__(
        self, call_center: EvoluxCallCenter, *, simulator: RunningSimulator, watcher: Watcher, odd: list[Odd]
    ) -> None:
        self.call_center = call_center
        self.world = simulator.world
        self.faults = simulator.faults
        self.requests = simulator.requests
        self.watcher = watcher
        self.odd = odd


@asynccontextmanager
async def staged(world: World, *, concurrency: int = 10, **options: Any) -> AsyncIterator[Stage]:
    watcher, odd = Watcher(), list[Odd]()
    settings = {"tokens": Tokens(TOKEN), "observer": watcher, "verify": TRUST, "retries": Retries(attempts=3)}
    async with (
        running(world) as simulator,
        a_client(simulator.base_url, **settings | options) as client,
    ):
        call_center = EvoluxCallCenter(client, clock=world.clock, on_odd=odd.append, concurrency=concurrency)
        yield Stage(call_center, simulator=simulator, watcher=watcher, odd=odd)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """120 agents on three pages, all logged off."""
    async with staged(small_world(agents=AGENT_COUNT)) as stage:
        yield stage


def world_of_the_contract() -> World:
    world = small_world(agents=AGENT_COUNT)
    world.add_queue(Queue(id=2, name="Vendas", slug="vendas", number="3002"))
    for agent_id in (1, 2, 4):
        world.log_in(agent_id, at=NOON - timedelta(hours=3))
    world.pause(2, 49, at=NOON - timedelta(minutes=5))
    world.set_on_call(4, on_call=True)
    return world


class TestEvoluxCallCenter(CallCenterContract):
    """The contract that every call centre keeps."""

    @pytest.fixture
    async def world(self) -> AsyncIterator[ContractWorld]:
        async with staged(world_of_the_contract()) as stage:
            yield ContractWorld(
                call_center=stage.call_center,
                agent_ids=frozenset(AgentId(number) for number in range(1, AGENT_COUNT + 1)),
                queue_ids=frozenset({QueueId(1), QueueId(2)}),
                logged_in=AgentId(1),
                paused=AgentId(2),
                logged_out=AgentId(3),
                on_call=AgentId(4),
                unknown_agent=AgentId(9_999),
                allowed_pause=PauseId(49),
                unknown_pause=PauseId(777),
                taken_login="agent.1",
                free_login="julia.prado",
            )


def is_a_call_center(call_center: EvoluxCallCenter) -> CallCenter:
    """The type checker holds the adapter to the port."""
    return call_center


async def test_a_hundred_pages_are_asked_once_each_and_ten_at_a_time() -> None:
    async with staged(World.seeded(5_000, token=TOKEN)) as stage:
        snapshot = (await stage.call_center.agents()).snapshot
        assert (len(snapshot.rows), snapshot.complete) == (5_000, True)
        assert stage.requests.pages(AGENTS) == dict.fromkeys(range(1, 101), 1)
        assert stage.requests.peak_in_flight <= 10
        assert stage.odd == []
        [walked] = stage.watcher.walks
        assert (walked.listing, walked.rows, walked.pages, walked.torn) == ("agents", 5_000, 100, 0)
        assert {agent.state for agent in snapshot.rows} == set(AgentState)


async def test_the_listing_is_as_old_as_its_first_page(stage: Stage) -> None:
    clock = stage.world.clock
    assert isinstance(clock, Clock)

    def later(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        clock.advance(30)
        return rows

    stage.faults.mangle_rows(later, path=AGENTS, page=1)
    assert (await stage.call_center.agents()).snapshot.fetched_at == NOON


async def test_a_total_that_changes_underway_makes_the_walk_begin_again(stage: Stage) -> None:
    stage.faults.misstate_total(121, path=AGENTS, page=2)
    snapshot = (await stage.call_center.agents()).snapshot
    assert (len(snapshot.rows), snapshot.complete) == (AGENT_COUNT, True)
    assert stage.requests.pages(AGENTS) == {1: 2, 2: 2, 3: 2}
    assert stage.watcher.walks[0].torn == 1


async def test_a_listing_that_never_fits_is_served_incomplete_and_says_so(stage: Stage) -> None:
    stage.faults.misstate_total(lambda total: total + 1, path=AGENTS, count=None)
    snapshot = (await stage.call_center.agents()).snapshot
    assert (len(snapshot.rows), snapshot.complete) == (AGENT_COUNT, False)
    assert snapshot.missing == "the listing changed while it was read: 120 of 121 rows seen"
    assert stage.requests.pages(AGENTS) == {1: 3, 2: 3, 3: 3}
    with pytest.raises(UpstreamInvalidResponse):
        await stage.call_center.read_agent(AgentId(9_999))


async def test_an_agent_hired_while_the_listing_is_read_is_in_the_next_walk(stage: Stage) -> None:
    def hire(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        stage.world.add_agent("Nova", login="nova")
        return rows

    stage.faults.mangle_rows(hire, path=AGENTS, page=1)
    snapshot = (await stage.call_center.agents()).snapshot
    assert (len(snapshot.rows), snapshot.complete) == (AGENT_COUNT + 1, True)


async def test_one_agent_costs_one_page_where_they_stood_and_all_where_they_moved(stage: Stage) -> None:
    found = await stage.call_center.read_agent(AgentId(77), near_page=2)
    assert found is not None
    assert stage.requests.pages(AGENTS) == {2: 1}
    assert (await stage.call_center.read_agent(AgentId(77), near_page=1)) == found
    assert stage.requests.pages(AGENTS) == {1: 2, 2: 2, 3: 1}


async def test_a_page_that_fails_once_is_read_again_and_only_that_one(stage: Stage) -> None:
    stage.faults.reset(path=AGENTS, page=2)
    stage.faults.answer(503, path=AGENTS, page=3)
    assert (await stage.call_center.agents()).snapshot.complete
    assert stage.requests.pages(AGENTS) == {1: 1, 2: 2, 3: 2}


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (lambda stage: stage.faults.answer(503, page=2, count=None), UpstreamUnavailable),
        (lambda stage: stage.faults.reset(page=2, count=None), UpstreamUnavailable),
        (lambda stage: stage.faults.truncate(page=2, count=None), UpstreamUnavailable),
        (lambda stage: stage.faults.html(page=2, count=None), UpstreamInvalidResponse),
        (lambda stage: stage.faults.empty(page=2, count=None), UpstreamInvalidResponse),
        (lambda stage: stage.faults.drop_data(page=2, count=None), UpstreamInvalidResponse),
        (lambda stage: stage.faults.rate_limit(retry_after_seconds=90, page=2), UpstreamRateLimited),
    ],
    ids=["503", "reset", "cut", "html", "empty", "no-data", "429"],
)
async def test_a_page_that_cannot_be_read_leaves_a_listing_with_a_hole_that_says_why(
    stage: Stage, trouble: Callable[[Stage], object], kind: type[GatewayError]
) -> None:
    trouble(stage)
    reading = await stage.call_center.agents()
    assert type(reading.failure) is kind
    assert reading.snapshot.missing == "page 2 of 3 could not be read"
    assert not reading.snapshot.complete
    assert len(reading.snapshot.rows) == 70
    assert stage.requests.pages(AGENTS)[2] <= 3
    assert len(stage.watcher.walks) == 1


async def test_a_first_page_that_cannot_be_read_fails_the_listing_with_its_own_error(stage: Stage) -> None:
    stage.faults.html(path=AGENTS, page=1, count=None)
    with pytest.raises(UpstreamInvalidResponse):
        await stage.call_center.agents()
    assert set(stage.requests.pages(AGENTS)) == {1}


async def test_a_refused_token_fails_the_listing(stage: Stage) -> None:
    stage.world.rotate_token("planted-token-two")
    with pytest.raises(UpstreamCredentialsRejected):
        await stage.call_center.agents()
    assert stage.requests.pages(AGENTS) == {1: 1}


async def test_a_page_that_hangs_is_a_timeout() -> None:
    limits = ConnectionLimits(read_seconds=0.1, attempt_seconds=0.2)
    async with staged(small_world(), limits=limits, retries=Retries(attempts=1)) as stage:
        stage.faults.hang(path=AGENTS)
        with pytest.raises(UpstreamTimeout):
            await stage.call_center.agents()


async def test_a_write_whose_answer_is_lost_happened_once_and_is_called_unknown(stage: Stage) -> None:
    stage.world.log_in(7)
    stage.faults.lose_answer(method="POST")
    with pytest.raises(OutcomeUnknown):
        await stage.call_center.pause_agent(AgentId(7), PauseId(49))
    assert stage.requests.count(method="POST") == 1
    agent = await stage.call_center.read_agent(AgentId(7))
    assert agent is not None
    assert agent.state is AgentState.PAUSED


async def test_a_caller_who_leaves_during_a_walk_leaves_no_request_behind(stage: Stage) -> None:
    hanging = stage.faults.hang(path=AGENTS, page=2)
    walk = asyncio.create_task(stage.call_center.agents())
    await hanging.met()
    walk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walk
    await stage.requests.idle()
    assert "cancelled" in stage.watcher.outcomes


async def test_a_walk_left_while_its_digest_is_taken_is_told_as_cancelled_and_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing = asyncio.Event()

    async def never_weighed(_rows: object, **_given: object) -> None:
        weighing.set()
        await asyncio.Future[None]()

    monkeypatch.setattr("gateway.evolux.call_center.weigh", never_weighed)
    walk = asyncio.create_task(stage.call_center.agents())
    await weighing.wait()
    walk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walk
    assert [told.outcome for told in stage.watcher.walks] == [WalkOutcome.CANCELLED]


async def test_a_walk_whose_digest_fails_is_told_as_failed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_rows: object, **_given: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr("gateway.evolux.call_center.weigh", fail)
    with pytest.raises(ArithmeticError):
        await stage.call_center.agents()
    assert [told.outcome for told in stage.watcher.walks] == [WalkOutcome.FAILED]


async def test_a_refusal_is_no_walk_that_failed(stage: Stage) -> None:
    with pytest.raises(AgentNotFound):
        await stage.call_center.agent_pauses(AgentId(999))
    assert stage.watcher.walks == []


@pytest.mark.parametrize("number", [2**53, 2**64, 10**4_000, -1])
async def test_numbers_of_a_page_that_are_none_fail_no_walk(stage: Stage, number: int) -> None:
    def enlarge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[0]["last_login"] = {"id": number, "time_login": "2026-03-10T12:00:00Z"}
        return rows

    stage.faults.mangle_rows(enlarge, path=AGENTS, page=1)
    reading = await stage.call_center.agents()
    assert (len(reading.snapshot.rows), reading.snapshot.complete) == (AGENT_COUNT, True)
    assert [told.outcome for told in stage.watcher.walks] == [WalkOutcome.COMPLETE]
    assert [odd.field for odd in stage.odd] == ["last_login.id"]


async def test_a_rotated_token_is_followed_within_one_walk() -> None:
    tokens = Tokens(TOKEN, "planted-token-next")
    async with staged(small_world(agents=AGENT_COUNT), tokens=tokens) as stage:
        await stage.call_center.agents()
        stage.world.rotate_token("planted-token-next")
        assert (await stage.call_center.agents()).snapshot.complete
        assert tokens.rereads == 1
        assert [received.token_ok for received in stage.requests][-3:] == [True, True, True]


@pytest.mark.parametrize("listing", ["plain", "paginated", "absent"])
async def test_queues_come_with_and_without_pagination_and_are_none_where_there_is_no_listing(
    listing: Any,
) -> None:
    world = small_world()
    world.form = WireForm(queue_listing=listing)
    async with staged(world) as stage:
        snapshot = (await stage.call_center.queues()).snapshot
        assert [queue.id for queue in snapshot.rows] == ([] if listing == "absent" else [1])
        assert (snapshot.complete, snapshot.fetched_at) == (True, NOON)


async def test_every_form_of_the_current_fields_gives_the_same_agent() -> None:
    seen: list[Agent | None] = []
    for form in (WireForm(), WireForm(extension="object", outbound_queue="object")):
        world = small_world()
        world.form = form
        world.log_in(1, outbound_queue_id=1)
        async with staged(world) as stage:
            seen.append(await stage.call_center.read_agent(AgentId(1)))
            assert stage.odd == []
    plain, named = seen
    assert plain is not None
    assert named is not None
    assert (plain.extension, plain.outbound_queue_id) == (named.extension, named.outbound_queue_id)
    assert (plain.outbound_queue_name, named.outbound_queue_name) == (None, "Cobrança")


async def test_a_pauses_listing_of_an_unknown_agent_is_no_such_agent_after_one_request(stage: Stage) -> None:
    with pytest.raises(AgentNotFound):
        await stage.call_center.agent_pauses(AgentId(9_999))
    assert len(stage.requests) == 1


async def test_attempts_are_told_by_template_and_never_by_agent(stage: Stage) -> None:
    await stage.call_center.agent_pauses(AgentId(7))
    [report] = stage.watcher.attempts
    assert (
        report.method,
        report.path_template,
        report.page,
        report.attempt,
        report.status,
        report.outcome,
    ) == (
        "GET",
        "/api/v1/agents/{agent_id}/pauses",
        1,
        1,
        200,
        "ok",
    )
    assert report.seconds >= 0
