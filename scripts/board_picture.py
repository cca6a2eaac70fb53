# ruff: noqa: INP001, S603 - a program to run, not a package to import
"""Take `docs/board.png`: the board of the real `gateway demo` in a headless Chromium, in the system's font.

Run it with the project's Python, PYTHONPATH=. and pngquant on PATH.
"""

import asyncio
import base64
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.board import LIVE, open_board
from tests.browser import start_browser
from tests.processes import free_port, until_ready
from tests.tools import require_tool

KEY: Final = "demo-key"
AGENTS: Final = 140
WIDTH, HEIGHT = 1680, 1020
FILE: Final = Path(__file__).parents[1] / "docs" / "board.png"


async def take_picture() -> bytes:
    """Start the demo, open the board as a wall shows it at night; gives what is seen, as PNG."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "demo"),
                *("--port", str(port), "--agents", str(AGENTS)),
                stdout=output,
                stderr=output,
            )
        try:
            origin = f"http://127.0.0.1:{port}"
            await until_ready(origin, process=process, log=log)
            async with (
                start_browser(require_tool("chromium"), profile=Path(folder) / "profile") as browser,
                open_board(browser, origin=origin, scheme="dark", width=WIDTH, height=HEIGHT) as board,
            ):
                await board.sign_in(KEY)
                await board.tab.until(LIVE)
                await board.tab.send("Emulation.setScrollbarsHidden", hidden=True)
                await board.tab.until("document.getElementById('age').textContent.includes(' 2 s')")
                picture = await board.tab.send("Page.captureScreenshot", format="png")
                return base64.b64decode(picture["data"])
        finally:
            process.terminate()
            await process.wait()


if __name__ == "__main__":
    small = subprocess.run(
        [require_tool("pngquant"), "--speed", "1", "--nofs", "-"],
        input=asyncio.run(take_picture()),
        capture_output=True,
        check=True,
    )
    FILE.write_bytes(small.stdout)
