"""A headless Chromium driven over its DevTools protocol, with what this project already installs."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

_DEADLINE_SECONDS: Final = 60

# No name resolves: a request that leaves 127.0.0.1 fails, and stands in `Tab.requested_urls`.
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1280,900",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(slots=True)
class Tab:
    """One page, and everything it asked for, complained about or threw since it was opened."""

    socket: aiohttp.ClientWebSocketResponse
    session_id: str = ""
    requested_urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _sent: int = 0
    _pending: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def send(self, method: str, /, **params: object) -> dict[str, Any]:
        """The result of one DevTools command."""
        self._sent += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[self._sent] = answer
        session = {"sessionId": self.session_id} if self.session_id else {}
        await self.socket.send_json({"id": self._sent, "method": method, "params": params, **session})
        async with asyncio.timeout(_DEADLINE_SECONDS):
            return await answer

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression; a promise is awaited."""
        result = await self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, f"{expression}: {result}"
        return result["result"].get("value")

    async def until(self, condition: str) -> None:
        """Returns once the JavaScript `condition` holds, asked again at every frame the page draws."""
        await self.evaluate(
            f"""new Promise((resolve, reject) => {{
                const end = Date.now() + {_DEADLINE_SECONDS * 1000 // 2};
                const ask = () => {{
                    if ({condition}) resolve(true);
                    else if (Date.now() > end) reject(new Error(document.body.innerText));
                    else requestAnimationFrame(ask);
                }};
                ask();
            }})"""
        )

    async def open(self, url: str) -> None:
        """Goes to `url` and returns when it and its assets are loaded."""
        await self.send("Page.navigate", url=url)
        await self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    async def listen(self) -> None:
        """Sorts what the browser says into answers, requests and complaints, until it hangs up."""
        async for message in self.socket:
            event = message.json()
            if "id" not in event:
                self._note(event["method"], event["params"])
            elif "error" in event:
                self._pending.pop(event["id"]).set_exception(AssertionError(event["error"]))
            else:
                self._pending.pop(event["id"]).set_result(event["result"])

    def _note(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requested_urls.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(json.dumps(params["entry"]))
            case _:
                pass


@asynccontextmanager
async def start_browser(chromium: Path, *, profile: Path) -> AsyncIterator[str]:
    """The DevTools address of a new browser, which ends here; `profile` is a new, empty directory."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        *_FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            address = await _read_address(process.stderr)
        yield address
        process.terminate()
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def open_tab(address: str) -> AsyncIterator[Tab]:
    """An empty tab of the browser at `address`; it shares no storage and no cache with any other tab."""
    async with aiohttp.ClientSession() as client, client.ws_connect(address, max_msg_size=0) as socket:
        tab = Tab(socket)
        listening = asyncio.create_task(tab.listen())
        context = await tab.send("Target.createBrowserContext", disposeOnDetach=True)
        target = await tab.send("Target.createTarget", url="about:blank", **context)
        attached = await tab.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab.session_id = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await tab.send(f"{domain}.enable")
        yield tab
    await listening


async def _read_address(stderr: asyncio.StreamReader) -> str:
    said = []
    async for line in stderr:
        said.append(line.decode(errors="replace"))
        if found := re.search(r"DevTools listening on (ws://\S+)", said[-1]):
            return found[1]
    raise AssertionError("Chromium ended before it listened: " + "".join(said))
