"""The board where something is wrong: it says so at once, keeps what it has, and finds back by itself."""

import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.domain.errors import ErrorCode, Refusal, error_classes
from gateway.settings import CacheSettings, CallerSettings, ServerSettings, SubscriptionSettings
from gateway.simulator.records import Pause
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.board import ASKS_KEY, DOWN, IS_SHOWN, LIVE, Board, open_board
from tests.processes import KEY as PROCESS_KEY
from tests.processes import gateway_process, write_config
from tests.served import KEY, Plan, caller, serving, token_of

pytestmark = pytest.mark.browser

LIVELY = Plan(
    cache=CacheSettings(fresh_seconds=0.1, stale_seconds=0),
    subscriptions=SubscriptionSettings(poll_seconds=0.2, refresh_seconds=1, keep_alive_seconds=1),
)
ONLY_ACME = "planted-key-only-acme"
ONLY_WRITES = "planted-key-only-writes"
PROBLEM = "document.getElementById('problem').textContent"


def world_of(tenant: str, *, agents: int = 3) -> World:
    world = World(token=token_of(tenant))
    for number in range(1, agents + 1):
        world.log_in(world.add_agent(f"{tenant} {number}", login=f"{tenant}.{number}").id)
    return world


def lively_with(**callers: CallerSettings) -> Plan:
    return Plan(cache=LIVELY.cache, subscriptions=LIVELY.subscriptions, callers=callers)


async def notices(board: Board) -> list[str]:
    shown: list[str] = await board.tab.evaluate(
        "[...document.querySelectorAll('#notices .notice')].map((notice) => notice.textContent)"
    )
    return shown


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_gateway_that_goes_away_is_missed_at_once_and_found_again(
    browser: str, tmp_path: Path, end: signal.Signals
) -> None:
    said = "Disconnected. The gateway cannot be reached. What is shown does not move."
    world = world_of("acme")
    world.add_pause(Pause(id=50, description="Almoço"))
    world.pause(3, 50)
    async with running(world) as simulator, AsyncExitStack() as tabs:
        config = write_config(tmp_path, base_url=simulator.base_url, token=token_of("acme"), server={})
        async with gateway_process(config) as gateway:
            board = await tabs.enter_async_context(open_board(browser, origin=gateway.base_url))
            await board.sign_in(PROCESS_KEY)
            await board.tab.until(LIVE)
            assert await notices(board) == []
            gateway.process.send_signal(end)

            await board.tab.until(DOWN)
            [notice] = await notices(board)
            assert notice.startswith(said)
            assert await board.tiles() == {
                "over": 0,
                "paused": 1,
                "logged-in": 2,
                "logged-out": 0,
                "inactive": 0,
            }
            assert await board.text("#announcer") == said
            assert await board.text("#connection-word") == "Disconnected"
            lasts = [row["since"] for row in await board.rows("#agent-table tbody")]
            age = int((await board.text("#age")).split()[2])
            shown = "Number(document.getElementById('age').textContent.split(' ')[2])"
            await board.tab.until(f"{shown} > {age + 1}")
            assert [row["since"] for row in await board.rows("#agent-table tbody")] == lasts
            await gateway.process.wait()

        simulator.world.log_off(1)
        async with gateway_process(config, port=gateway.port):
            await board.tab.until(LIVE)
            await board.tab.until("document.querySelector('.tile.logged-out .count').textContent === '1'")
            assert await notices(board) == []
            assert await board.text("#announcer") == "Connected again."


async def test_a_form_that_is_sent_while_the_gateway_is_away_can_be_sent_again(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, _),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        await board.tab.evaluate(
            """(() => {
                const whole = window.fetch;
                window.isAway = true;
                window.fetch = (...asked) =>
                    window.isAway ? Promise.reject(new TypeError("away")) : whole(...asked);
            })()"""
        )
        await board.submit(KEY)
        await board.tab.until(f"{PROBLEM} === 'The gateway cannot be reached.'")
        assert await board.tab.evaluate(ASKS_KEY)

        await board.tab.evaluate("window.isAway = false")
        await board.click("#open")
        await board.tab.until(LIVE)


async def test_evolux_that_fails_is_told_and_what_is_held_is_marked_as_old(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, simulators),
        open_board(browser, origin=str(served.client.base_url), language="pt-BR") as board,
    ):
        await board.sign_in(KEY)
        faults = simulators["acme"].faults
        faults.answer(503, count=None)
        await board.tab.until("document.body.dataset.doubt === 'stale'")
        [notice] = await notices(board)
        assert notice.startswith("Dados antigos: o Evolux foi lido pela última vez há ")
        assert (await board.tiles())["logged-in"] == 3

        faults.clear()
        await board.tab.until("!('doubt' in document.body.dataset)")
        assert await notices(board) == []


async def test_evolux_that_never_answered_is_an_error_in_the_readers_language(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, simulators),
        open_board(browser, origin=str(served.client.base_url), language="pt-BR") as board,
    ):
        simulators["acme"].faults.answer(503, count=None)
        await board.submit(KEY)
        await board.tab.until(DOWN)
        assert "O Evolux está fora do ar." in (await notices(board))[0]
        assert not await board.tab.evaluate(IS_SHOWN)

        simulators["acme"].faults.clear()
        await board.tab.until(LIVE)
        assert (await board.tiles())["logged-in"] == 3


async def test_a_listing_that_lacks_rows_is_called_incomplete(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, simulators),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        simulators["acme"].faults.misstate_total(lambda true: true + 1, path="/api/v1/agents", count=None)
        await board.sign_in(KEY)
        await board.tab.until("document.body.dataset.doubt === 'incomplete'")
        assert any(notice.startswith("Incomplete: ") for notice in await notices(board))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "This key is not known, or no longer. Type it again."),
        ("pt-BR", "Esta chave não é conhecida, ou deixou de ser. Digite de novo."),
    ],
)
async def test_a_wrong_key_is_asked_for_again(browser: str, language: str, told: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, _),
        open_board(browser, origin=str(served.client.base_url), language=language) as board,
    ):
        await board.submit("planted-key-of-nobody")
        await board.tab.until(f"{PROBLEM} !== ''")
        assert await board.text("#problem") == told
        assert await board.tab.evaluate("document.activeElement.id") == "key"
        assert (
            await board.tab.evaluate("document.getElementById('key').getAttribute('aria-invalid')") == "true"
        )
        assert await board.tab.evaluate("sessionStorage.length") == 0


async def test_a_key_that_is_taken_back_leads_to_the_form(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, _),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        await board.sign_in(KEY)
        await board.tab.evaluate("sessionStorage.setItem('board:key', 'planted-key-of-nobody')")
        await board.open()
        await board.tab.until(ASKS_KEY)
        assert await board.text("#problem") == "This key is not known, or no longer. Type it again."
        assert not await board.tab.evaluate(IS_SHOWN)
        assert "acme 1" not in await board.tab.evaluate("document.body.innerText")


async def test_a_key_that_may_not_read_is_told_so(browser: str) -> None:
    plan = lively_with(writer=caller(ONLY_WRITES, tenants=("acme",), scopes=("agents:write",)))
    async with (
        serving(world_of("acme"), plan=plan) as (served, _),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        await board.submit(ONLY_WRITES)
        await board.tab.until(f"{PROBLEM} !== ''")
        assert await board.text("#problem") == (
            "This key may not read agents: it needs the scope agents:read."
        )


async def test_a_key_of_two_call_centres_says_which_and_sees_no_other(browser: str) -> None:
    worlds = {"acme": world_of("acme"), "outra": world_of("outra", agents=5)}
    async with (
        serving(worlds, plan=lively_with(acme=caller(ONLY_ACME, tenants=("acme",)))) as (served, _),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        await board.submit(KEY)
        await board.tab.until(f"{PROBLEM} !== ''")
        assert "more than one call centre" in await board.text("#problem")
        assert await board.tab.evaluate("document.activeElement.id") == "tenant-id"

        await board.submit(KEY, tenant="nenhuma")
        await board.tab.until(f"{PROBLEM}.includes('no such call centre')")
        await board.sign_in(KEY, tenant="outra")
        assert (await board.tiles())["logged-in"] == 5
        assert await board.text("#tenant") == "outra"
        assert "acme 1" not in await board.tab.evaluate("document.body.innerText")

        await board.click("#change-tenant")
        await board.sign_in(KEY, tenant="acme")
        await board.tab.until(LIVE)
        assert (await board.tiles())["logged-in"] == 3
        assert "outra 1" not in await board.tab.evaluate("document.body.innerText")

        await board.click("#sign-out")
        await board.sign_in(ONLY_ACME)
        assert await board.text("#tenant") == "acme"
        assert await board.tab.evaluate("document.getElementById('change-tenant').hidden")


async def test_the_board_can_be_turned_off(browser: str) -> None:
    plan = Plan(server=ServerSettings(port=0, board=False))
    async with serving(world_of("acme"), plan=plan) as (served, _):
        assert (await served.client.get("/board")).status_code == 404


async def test_both_languages_have_the_same_words_and_one_for_every_code_of_a_reading(browser: str) -> None:
    async with (
        serving(world_of("acme"), plan=LIVELY) as (served, _),
        open_board(browser, origin=str(served.client.base_url)) as board,
    ):
        folder = await board.tab.evaluate("document.querySelector('script').src.replace(/[^/]+$/, '')")
        words = await board.tab.evaluate(
            f"""import('{folder}words.js').then(({{ WORDS }}) => Object.fromEntries(
                Object.entries(WORDS).map(([language, words]) => [language, {{
                    kinds: Object.fromEntries(Object.keys(words).map((word) => [word, typeof words[word]])),
                    codes: Object.keys(words.errors),
                    empty: Object.keys(words).filter((word) => words[word] === ''),
                }}])))"""
        )

    assert words["en"] == words["pt-BR"]
    assert words["en"]["empty"] == []
    assert told_of_readings() - set(words["en"]["codes"]) == set()


def told_of_readings() -> set[str]:
    """The codes that a query or a subscription of the board's can meet with."""
    never = {
        ErrorCode.OUTCOME_UNKNOWN,
        ErrorCode.IDEMPOTENCY_KEY_REUSED,
        ErrorCode.PERSISTED_QUERY_NOT_FOUND,
        ErrorCode.GRAPHQL_PARSE_FAILED,
        ErrorCode.GRAPHQL_VALIDATION_FAILED,
    }
    failures = {one.code for one in error_classes() if not issubclass(one, Refusal)}
    return {code.value for code in failures - never}
