"""The board in a real browser: its numbers are the API's, and what happens in the call centre arrives."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.agent_filters import fold
from gateway.settings import CacheSettings, SubscriptionSettings
from gateway.simulator.population import LUNCH
from gateway.simulator.records import Pause, Queue
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.board import (
    ASKS_KEY,
    LIVE,
    POLLING,
    STREAMS_HELD_BACK,
    STREAMS_REFUSED,
    Board,
    open_board,
)
from tests.served import KEY, READER_KEY, Plan, Served, serving, token_of

pytestmark = pytest.mark.browser

LIVELY = Plan(
    cache=CacheSettings(fresh_seconds=0.1, stale_seconds=0),
    subscriptions=SubscriptionSettings(poll_seconds=0.2, refresh_seconds=1, keep_alive_seconds=1),
)
COUNTS = "agents inactive loggedOut loggedIn paused overLimit"
REPORT = f"""{{
    agentStates(groupBy: [QUEUE]) {{
        total {{ {COUNTS} }}
        groups {{ queue {{ id name }} counts {{ {COUNTS} }} }}
    }}
}}"""
COLUMNS = {
    "all": "agents",
    "inactive": "inactive",
    "logged-out": "loggedOut",
    "logged-in": "loggedIn",
    "paused": "paused",
    "over": "overLimit",
}


@asynccontextmanager
async def gateway_of(world: World) -> AsyncIterator[tuple[Served, RunningSimulator, str]]:
    async with serving(world, plan=LIVELY) as (served, simulators):
        yield served, simulators["acme"], str(served.client.base_url)


def small_world() -> World:
    """Three agents in one queue, whose pause may last ten minutes."""
    world = World(token=token_of("acme"))
    world.add_queue(Queue(id=3, name="Cobrança", slug="cobranca", number="3001"))
    world.add_pause(Pause(id=LUNCH, description="Almoço"))
    world.allow_pause(LUNCH, queue_id=3, limit_seconds=600)
    for name in ("Ana", "Bruno", "Conceição"):
        agent = world.add_agent(name, login=fold(name), queue_ids=(3,))
        world.log_in(agent.id)
    return world


def as_shown(counts: Mapping[str, int]) -> dict[str, str]:
    return {column: str(counts[name]) for column, name in COLUMNS.items()}


async def check_numbers(board: Board, *, served: Served) -> None:
    """Hold the page to the API; an agent who went over their limit between two looks is looked at again."""
    before = await served.ask(REPORT)
    tiles, queues, total = await board.everything()
    after = await served.ask(REPORT)
    if before != after:
        await check_numbers(board, served=served)
        return
    told = after["agentStates"]
    expected = as_shown(told["total"])
    assert {name: str(count) for name, count in tiles.items()} == {
        name: count for name, count in expected.items() if name != "all"
    }
    assert {name: total[name] for name in COLUMNS} == expected
    assert {row["queue"]: {name: row[name] for name in COLUMNS} for row in queues} == {
        _title(group["queue"]): as_shown(group["counts"]) for group in told["groups"]
    }
    assert len(queues) == len(told["groups"])
    assert await board.text("#total") == f"{told['total']['agents']} agents"


def _title(queue: Mapping[str, str | None] | None) -> str:
    if queue is None:
        return "In no queue"
    return queue["name"] or f"Queue {queue['id']}"


@pytest.mark.parametrize("streams", [None, STREAMS_REFUSED], ids=["streamed", "polled"])
async def test_the_numbers_are_the_apis(browser: str, streams: str | None) -> None:
    async with (
        gateway_of(World.seeded(1_200, token=token_of("acme"))) as (served, _, origin),
        open_board(browser, origin=origin, streams=streams) as board,
    ):
        await board.sign_in(READER_KEY)
        await check_numbers(board, served=served)

        told = (await served.ask(REPORT))["agentStates"]["total"]
        assert told["overLimit"] > 0
        assert min(told[name] for name in COLUMNS.values()) > 0
        assert await board.tab.evaluate(LIVE if streams is None else POLLING)


@pytest.mark.parametrize(
    ("streams", "connection"),
    [(None, LIVE), (STREAMS_REFUSED, POLLING), (STREAMS_HELD_BACK, POLLING)],
    ids=["streamed", "refused", "held-back"],
)
async def test_what_happens_arrives_whether_it_is_streamed_or_asked_for(
    browser: str, streams: str | None, connection: str
) -> None:
    async with (
        gateway_of(small_world()) as (served, simulator, origin),
        open_board(browser, origin=origin, streams=streams) as board,
    ):
        await board.sign_in(READER_KEY)
        await board.tab.until(connection)
        assert await board.tiles() == {"over": 0, "paused": 0, "logged-in": 3, "logged-out": 0, "inactive": 0}

        simulator.world.log_off(1)
        await board.tab.until("document.querySelector('.tile.logged-out .count').textContent === '1'")
        await served.ask(
            f'mutation {{ pauseAgent(input: {{agentId: "2", pauseId: "{LUNCH}"}}) {{ errors {{ code }} }} }}'
        )
        await board.tab.until("document.querySelector('.tile.paused .count').textContent === '1'")

        assert await board.tiles() == {"over": 0, "paused": 1, "logged-in": 1, "logged-out": 1, "inactive": 0}
        await check_numbers(board, served=served)
        [row] = await board.rows("#next-table tbody")
        assert (row["who"], row["why"], row["limit"]) == ("Bruno", "Almoço", "10:00")
        simulator.world.remove_agent(3)
        await board.tab.until("document.getElementById('total').textContent === '2 agents'")
        assert [row["who"] for row in await board.rows("#agent-table tbody")] == ["Ana", "Bruno"]


async def test_one_stream_is_all_that_a_live_board_asks_for(browser: str) -> None:
    async with (
        gateway_of(small_world()) as (_, simulator, origin),
        open_board(browser, origin=origin) as board,
    ):
        await board.sign_in(READER_KEY)
        await board.tab.until(LIVE)
        simulator.world.log_off(1)
        await board.tab.until("document.querySelector('.tile.logged-out .count').textContent === '1'")

        asked = [url for url in board.tab.requested_urls if url.endswith("/graphql")]
        assert len(asked) == 2  # who am I, and the stream


async def test_pauses_over_their_limit_stand_longest_first_and_tick_between_events(browser: str) -> None:
    world = small_world()
    now = world.clock()
    world.pause(1, LUNCH, at=now - timedelta(seconds=700))
    world.pause(2, LUNCH, at=now - timedelta(seconds=4000))
    world.pause(3, LUNCH, at=now - timedelta(seconds=596))
    async with gateway_of(world) as (served, _, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(READER_KEY)
        over = await board.rows("#over-table tbody")
        assert [(row["who"], row["why"], row["limit"]) for row in over] == [
            ("Bruno", "Almoço", "10:00"),
            ("Ana", "Almoço", "10:00"),
        ]
        assert over[0]["lasts"].startswith("1:06:4")
        assert over[0]["by"].startswith("+56:4")
        assert await board.tiles() == {"over": 2, "paused": 3, "logged-in": 0, "logged-out": 0, "inactive": 0}

        await board.tab.until("document.querySelector('.tile.over .count').textContent === '3'")
        assert [row["who"] for row in await board.rows("#over-table tbody")] == ["Bruno", "Ana", "Conceição"]
        told = await board.rows("#queue-table tbody")
        assert [row["over"] for row in told] == ["3"]
        assert (await served.ask(REPORT))["agentStates"]["total"]["overLimit"] == 3


async def test_a_name_with_markup_is_a_name(browser: str) -> None:
    world = small_world()
    name = '<b>Zé</b> <img src=x onerror="document.title=1"> & Cia'
    world.log_in(world.add_agent(name, login="<i>ze</i>", queue_ids=(3,)).id)
    world.pause(4, LUNCH, at=world.clock() - timedelta(seconds=700))
    world.rename_queue(3, name="<script>1</script>")
    async with gateway_of(world) as (_, _, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(READER_KEY)

        [over] = await board.rows("#over-table tbody")
        assert over["who"] == name
        logins = [row["login"] for row in await board.rows("#agent-table tbody")]
        assert sorted(logins) == ["<i>ze</i>", "ana", "bruno", "conceicao"]
        assert (await board.rows("#queue-table tbody"))[0]["queue"] == "<script>1</script>"
        assert await board.tab.evaluate("document.querySelectorAll('main b, main i, main img').length") == 0
        assert board.tab.complaints == []


async def test_a_call_centre_without_agents_is_shown_as_one(browser: str) -> None:
    empty = World(token=token_of("acme"))
    async with gateway_of(empty) as (_, simulator, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(READER_KEY)
        assert await board.tiles() == {"over": 0, "paused": 0, "logged-in": 0, "logged-out": 0, "inactive": 0}
        assert await board.text("#found") == "This call centre has no agents yet."
        assert await board.text("#over-none") == "No pause is over its limit."

        simulator.world.add_agent("Ana", login="ana")
        await board.tab.until("document.getElementById('found').textContent === '1 agent'")


async def test_five_thousand_agents_are_all_counted_and_some_are_listed(browser: str) -> None:
    async with (
        gateway_of(World.seeded(5_000, token=token_of("acme"))) as (served, _, origin),
        open_board(browser, origin=origin) as board,
    ):
        await board.sign_in(READER_KEY)
        await check_numbers(board, served=served)
        total = int((await board.text("#total")).split()[0])
        assert len(await board.rows("#agent-table tbody")) == 50
        assert await board.text("#agents-more") == f"{total - 50} more"

        await board.click("#show-more")
        assert len(await board.rows("#agent-table tbody")) == 100
        assert await board.text("#agents-more") == f"{total - 100} more"


async def test_the_search_finds_whom_the_api_finds(browser: str) -> None:
    query = "query($text: String) { agents(first: 500, filter: {search: $text}) { nodes { login } } }"
    async with (
        gateway_of(World.seeded(200, token=token_of("acme"))) as (served, _, origin),
        open_board(browser, origin=origin) as board,
    ):
        await board.sign_in(READER_KEY)
        for text in ("conceicao", "CONCEIÇÃO sil", "joao.", " ", "nobody-at-all"):
            await board.type_search(text)
            expected = {row["login"] for row in (await served.ask(query, text=text))["agents"]["nodes"]}
            while not await board.tab.evaluate("document.getElementById('show-more').hidden"):
                await board.click("#show-more")

            assert {row["login"] for row in await board.rows("#agent-table tbody")} == expected, text


async def test_the_key_stays_in_the_tab_and_out_of_every_address(browser: str) -> None:
    async with gateway_of(small_world()) as (_, _, origin), open_board(browser, origin=origin) as board:
        tab = board.tab
        await board.sign_in(f" Bearer {KEY} ")
        assert await tab.evaluate("document.getElementById('key').value") == ""
        assert await tab.evaluate("location.href") == f"{origin}/board"
        assert await tab.evaluate(f"JSON.stringify(localStorage).includes('{KEY}')") is False
        assert await tab.evaluate("document.cookie") == ""
        assert [url for url in tab.requested_urls if KEY in url] == []

        await tab.open(f"{origin}/board?again")
        await tab.until(LIVE)
        await board.click("#sign-out")
        assert await tab.evaluate(ASKS_KEY)
        assert await tab.evaluate(f"JSON.stringify(sessionStorage).includes('{KEY}')") is False
        assert "Ana" not in await tab.evaluate("document.body.innerText")
        await board.open()
        assert await tab.evaluate(ASKS_KEY)


async def test_nothing_leaves_the_origin_and_nothing_is_complained_about(browser: str) -> None:
    world = World.seeded(62, token=token_of("acme"))
    async with gateway_of(world) as (_, simulator, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(KEY)
        await board.tab.until(LIVE)
        await board.type_search("a")
        await board.click("#languages button")
        simulator.world.add_agent("Zélia", login="zelia.nova")
        await board.type_search("zelia.nova")
        await board.tab.until("document.querySelectorAll('#agent-table tbody tr').length === 1")

        urls = board.tab.requested_urls
        assert [url for url in urls if not url.startswith((f"{origin}/board", f"{origin}/graphql"))] == []
        served_files = {url.rpartition("/")[2] for url in urls} - {"board", "graphql"}
        package = Path(__file__).parents[2] / "gateway" / "web" / "board"
        assert served_files == {path.name for path in package.glob("*.[cjs][sv]*")}
        assert board.tab.complaints == []
