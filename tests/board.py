"""The board in a browser's tab: what a person does there, and what the page shows them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.browser import Tab, open_tab

LIVE: Final = "document.body.dataset.connection === 'live'"
DOWN: Final = "document.body.dataset.connection === 'down'"
POLLING: Final = "document.body.dataset.connection === 'polling'"
IS_SHOWN: Final = (
    "!document.getElementById('board').hidden && !('empty' in document.getElementById('board').dataset)"
)
ASKS_KEY: Final = "!document.getElementById('credentials').hidden"

_TILES: Final = """Object.fromEntries([...document.querySelectorAll('#tiles .tile')].map(
    (tile) => [tile.classList[1], Number(tile.querySelector('.count').textContent)]))"""
_ROWS: Final = """[...document.querySelectorAll('%s tr')].map(
    (row) => Object.fromEntries([...row.cells].map((cell) => [cell.className, cell.textContent])))"""

# What a proxy does to streams that does not know them: a page of its own, or nothing for as long as it lasts.
STREAMS_REFUSED: Final = "Promise.resolve(new Response('<h1>Bad Gateway</h1>', {status: 502}))"
STREAMS_HELD_BACK: Final = "new Promise((_, reject) => options.signal.addEventListener('abort', reject))"


class Board:
    """The page in a tab."""

    def __init__(self, tab: Tab, *, origin: str) -> None:
        self.tab = tab
        self.url = f"{origin}/board"

    async def open(self) -> None:
        """Go to the page, and wait until it has either a form or numbers."""
        await self.tab.open(self.url)
        await self.tab.until(f"({ASKS_KEY}) || ({IS_SHOWN})")

    async def break_streams(self, how: str) -> None:
        """From the next opening on, requests for a stream meet with this."""
        await self.tab.send(
            "Page.addScriptToEvaluateOnNewDocument",
            source=f"""(() => {{
                const whole = window.fetch;
                window.fetch = (url, options) =>
                    options.headers.Accept === 'text/event-stream' ? {how} : whole(url, options);
            }})()""",
        )

    async def submit(self, key: str, *, tenant: str | None = None) -> None:
        """Type into the form and send it; waits for nothing."""
        typed = {"key": key} if tenant is None else {"key": key, "tenant-id": tenant}
        for field, text in typed.items():
            await self.tab.evaluate(f"document.getElementById('{field}').value = {json.dumps(text)}")
        await self.tab.evaluate("document.getElementById('open').click()")

    async def sign_in(self, key: str, *, tenant: str | None = None) -> None:
        """The same, until there are numbers."""
        await self.submit(key, tenant=tenant)
        await self.tab.until(IS_SHOWN)

    async def click(self, selector: str) -> None:
        """Click the first such element."""
        await self.tab.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def type_search(self, text: str) -> None:
        """Type into the search."""
        await self.tab.evaluate(
            f"""(() => {{
                const field = document.getElementById('search-text');
                field.value = {json.dumps(text)};
                field.dispatchEvent(new Event('input', {{bubbles: true}}));
            }})()"""
        )

    async def text(self, selector: str) -> str:
        """What the first such element says."""
        said: str = await self.tab.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")
        return said

    async def tiles(self) -> Mapping[str, int]:
        """The large numbers by the tile's name."""
        shown: dict[str, int] = await self.tab.evaluate(_TILES)
        return shown

    async def rows(self, body: str) -> list[dict[str, str]]:
        """The texts of a table's rows by the column's name."""
        shown: list[dict[str, str]] = await self.tab.evaluate(_ROWS % body)
        return shown

    async def everything(self) -> tuple[Mapping[str, int], list[dict[str, str]], dict[str, str]]:
        """Tiles, queues and the row of their total, all of one instant."""
        shown: list[Any] = await self.tab.evaluate(
            f"[{_TILES}, {_ROWS % '#queue-table tbody'}, {_ROWS % '#queue-table tfoot'}[0]]"
        )
        return shown[0], shown[1], shown[2]


@asynccontextmanager
async def open_board(
    browser: str,
    *,
    origin: str,
    language: str = "en",
    scheme: str = "light",
    width: int = 1280,
    height: int = 900,
    streams: str | None = None,
) -> AsyncIterator[Board]:
    """The board in a new tab, as a reader of this language sees it; `streams` says what they meet with."""
    async with open_tab(browser) as tab:
        agent = await tab.evaluate("navigator.userAgent")
        await tab.send("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        await tab.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await tab.send(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        board = Board(tab, origin=origin)
        if streams is not None:
            await board.break_streams(streams)
        await board.open()
        yield board
