"""The board for whoever reads it: in either language, day and night, on a phone, by keyboard and by ear."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import CacheSettings, SubscriptionSettings
from gateway.simulator.population import LUNCH
from gateway.simulator.records import Pause, Queue
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests import node
from tests.board import LIVE, Board, open_board
from tests.served import KEY, Plan, serving, token_of

pytestmark = pytest.mark.browser

ACCESSIBILITY = Path(__file__).parents[1] / "accessibility"
LIVELY = Plan(
    cache=CacheSettings(fresh_seconds=0.1, stale_seconds=0),
    subscriptions=SubscriptionSettings(poll_seconds=0.2, refresh_seconds=1, keep_alive_seconds=1),
)
WIDE, PHONE = 1280, 320
# Everything that axe-core knows, its best practices and the strict contrast of a wall included.
AXE = """axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
}).then(({ violations, passes }) => ({
    passes: passes.length,
    violations: violations.map(({ id, nodes }) => [id, nodes.map(({ target, failureSummary }) =>
        `${target}: ${failureSummary}`)]),
}))"""


@pytest.fixture(scope="module", name="axe")
def read_axe() -> str:
    node.install(ACCESSIBILITY)
    return (ACCESSIBILITY / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def busy_world() -> World:
    """A call centre with agents in every state and of every length of name, one over their limit."""
    world = World.seeded(62, token=token_of("acme"))
    long = world.add_agent("Maria Aparecida" * 8, login="maria.aparecida." * 8, queue_ids=(3, 4, 7))
    world.log_in(long.id)
    world.pause(long.id, LUNCH, at=world.clock() - timedelta(hours=30))
    world.rename_queue(3, name="Suporte de primeiro nível " * 4)
    return world


def small_world() -> World:
    world = World(token=token_of("acme"))
    world.add_queue(Queue(id=3, name="Cobrança", slug="cobranca", number="3001"))
    world.add_pause(Pause(id=LUNCH, description="Almoço"))
    world.allow_pause(LUNCH, queue_id=3, limit_seconds=600)
    for name in ("Ana", "Bruno"):
        world.log_in(world.add_agent(name, login=name.lower(), queue_ids=(3,)).id)
    return world


@asynccontextmanager
async def gateway_of(world: World) -> AsyncIterator[tuple[RunningSimulator, str]]:
    async with serving(world, plan=LIVELY) as (served, simulators):
        yield simulators["acme"], str(served.client.base_url)


async def check_accessibility(board: Board, *, axe: str, where: object) -> None:
    found: dict[str, Any] = await board.tab.evaluate(f"{axe};\n{AXE}")
    assert found["violations"] == [], f"{where}: {json.dumps(found['violations'], indent=1)}"
    assert found["passes"] > 10


@pytest.mark.parametrize("width", [WIDE, PHONE])
async def test_axe_finds_nothing_in_either_language_by_day_or_night(
    browser: str, axe: str, width: int
) -> None:
    async with gateway_of(busy_world()) as (simulator, origin):
        for language, scheme in (("en", "light"), ("pt-BR", "dark"), ("en", "dark"), ("pt-BR", "light")):
            where = (language, scheme, width)
            async with open_board(
                browser, origin=origin, language=language, scheme=scheme, width=width
            ) as board:
                await check_accessibility(board, axe=axe, where=(*where, "form"))
                await board.submit("planted-key-of-nobody")
                await board.tab.until("document.getElementById('problem').textContent !== ''")
                await check_accessibility(board, axe=axe, where=(*where, "refused"))
                await board.sign_in(KEY)
                await board.tab.until(LIVE)
                await check_accessibility(board, axe=axe, where=where)
                simulator.faults.answer(503, count=None)
                await board.tab.until("document.body.dataset.doubt === 'stale'")
                await check_accessibility(board, axe=axe, where=(*where, "stale"))
                simulator.faults.clear()


@pytest.mark.parametrize("width", [PHONE, 375, 768, WIDE, 1920, 3840])
async def test_no_width_makes_a_reader_scroll_sideways(browser: str, width: int) -> None:
    async with (
        gateway_of(busy_world()) as (_, origin),
        open_board(browser, origin=origin, language="pt-BR", width=width) as board,
    ):
        await board.sign_in(KEY)

        assert await board.tab.evaluate("document.documentElement.scrollWidth") <= width
        overflowing = (
            "[...document.querySelectorAll('main :not(thead *)')].filter((one) => one.tagName !== 'THEAD' && "
            "one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"
        )
        assert await board.tab.evaluate(overflowing) == []


@pytest.mark.parametrize("width", [PHONE, WIDE])
async def test_the_age_stays_in_sight_however_far_one_scrolls(browser: str, width: int) -> None:
    async with (
        gateway_of(busy_world()) as (_, origin),
        open_board(browser, origin=origin, width=width) as board,
    ):
        await board.sign_in(KEY)
        await board.tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await board.tab.until("window.scrollY > 100")

        box = await board.tab.evaluate("document.getElementById('age').getBoundingClientRect().toJSON()")
        assert 0 <= box["top"] < box["bottom"] < 120
        assert (await board.text("#age")).startswith("Data is ")


@pytest.mark.parametrize(
    ("browser_language", "expected"),
    [
        ("pt-BR", "Painel da central"),
        ("pt-PT", "Painel da central"),
        ("en", "Call centre board"),
        ("de", "Call centre board"),
    ],
)
async def test_the_page_speaks_the_browsers_language(
    browser: str, browser_language: str, expected: str
) -> None:
    async with (
        gateway_of(small_world()) as (_, origin),
        open_board(browser, origin=origin, language=browser_language) as board,
    ):
        assert await board.text("h1") == expected
        assert await board.tab.evaluate("document.documentElement.lang") == (
            "pt-BR" if expected.startswith("Painel") else "en"
        )


async def test_a_language_that_was_chosen_is_remembered(browser: str) -> None:
    async with (
        gateway_of(small_world()) as (_, origin),
        open_board(browser, origin=origin, language="en") as board,
    ):
        await board.sign_in(KEY)
        await board.click("#languages button[lang='pt-BR']")
        assert await board.text("h1") == "Painel da central"
        assert await board.text("#connection-word") == "Ao vivo"
        assert await board.text(".tile.paused dt") == "Em pausa"
        assert (await board.text("#age")).startswith("Dados de ")

        await board.open()
        assert await board.text("h1") == "Painel da central"
        assert await board.tab.evaluate("Object.keys(localStorage)") == ["board:language"]


async def test_what_matters_is_said_once_and_no_tick_is(browser: str) -> None:
    world = small_world()
    world.pause(2, LUNCH, at=world.clock() - timedelta(seconds=595))
    async with gateway_of(world) as (_, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(KEY)
        await board.tab.until(LIVE)
        await board.tab.evaluate(
            """(() => {
                window.said = [];
                const place = document.getElementById('announcer');
                const note = () => window.said.push(place.textContent);
                const what = {childList: true, characterData: true, subtree: true};
                new MutationObserver(note).observe(place, what);
            })()"""
        )
        await board.tab.until("window.said.length > 0")
        spans = "document.querySelector('#over-table .lasts').textContent"
        before = await board.tab.evaluate(spans)
        await board.tab.until(
            f"document.querySelector('#over-table tbody .lasts').textContent !== '{before}'"
        )
        await board.tab.until("document.querySelector('#over-table tbody .by').textContent === '+0:04'")

        assert await board.tab.evaluate("window.said") == ["Bruno is over the limit of Almoço."]
        live = (
            "[...document.querySelectorAll('[aria-live], [role=status], [role=alert], output')]"
            ".filter((one) => one.ariaLive !== 'off').map((one) => one.id)"
        )
        assert await board.tab.evaluate(live) == ["announcer", "problem"]


async def test_how_many_were_found_is_said_after_typing(browser: str) -> None:
    async with gateway_of(small_world()) as (_, origin), open_board(browser, origin=origin) as board:
        await board.sign_in(KEY)
        await board.type_search("bru")
        await board.tab.until("document.getElementById('announcer').textContent === '1 of 2 agents'")


async def test_a_keyboard_reaches_everything_in_the_order_it_is_read(browser: str) -> None:
    async with gateway_of(busy_world()) as (_, origin), open_board(browser, origin=origin) as board:
        assert await board.tab.evaluate("document.activeElement.id") == "key"
        for letter in KEY:
            await board.tab.send("Input.dispatchKeyEvent", type="char", text=letter)
        await press(board, key="Enter", code=13, text="\r")
        await board.tab.until(LIVE)
        assert await board.tab.evaluate("document.activeElement.id") == "title"

        reached = []
        for _ in range(6):
            await press(board, key="Tab", code=9)
            reached.append(
                await board.tab.evaluate("document.activeElement.id || document.activeElement.lang")
            )
        assert reached == ["pt-BR", "en", "sign-out", "search-text", "search-state", "show-more"]


async def press(board: Board, *, key: str, code: int, text: str = "") -> None:
    told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
    await board.tab.send("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
    await board.tab.send("Input.dispatchKeyEvent", type="keyUp", **told)


async def test_tables_keep_their_rows_and_heads_when_a_phone_lays_them_out_as_cards(browser: str) -> None:
    async with (
        gateway_of(small_world()) as (_, origin),
        open_board(browser, origin=origin, width=PHONE) as board,
    ):
        await board.sign_in(KEY)
        tree = (await board.tab.send("Accessibility.getFullAXTree"))["nodes"]
        roles = [one["role"]["value"] for one in tree if not one["ignored"]]

        assert roles.count("table") == 2
        assert roles.count("columnheader") == 8 + 6
        assert roles.count("rowheader") == 1 + 1 + 2
        assert {"banner", "main", "search"} <= set(roles)


async def test_nothing_moves_for_who_asked_for_stillness(browser: str) -> None:
    async with gateway_of(small_world()) as (_, origin), open_board(browser, origin=origin) as board:
        await board.tab.send(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}]
        )
        await board.sign_in(KEY)
        moving = (
            "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one)).filter((style) => "
            "style.transitionDuration !== '0s' || style.animationName !== 'none').length"
        )
        assert await board.tab.evaluate(moving) == 0
