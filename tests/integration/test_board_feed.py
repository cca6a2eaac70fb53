"""The board's modules by themselves, run in a browser against an API that a test makes up."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from gateway.domain.agent_filters import fold
from gateway.web.board import board_routes
from tests.browser import Tab, open_tab

pytestmark = pytest.mark.browser

FRESH = {"fetchedAt": "2026-11-22T10:00:00Z", "ageSeconds": 1.0, "stale": False, "complete": True}
LATER = {**FRESH, "fetchedAt": "2026-11-22T10:00:05Z"}


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    """The page and its modules, with no API behind them."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=board_routes())
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def tab(browser: str, origin: str) -> AsyncIterator[Tab]:
    async with open_tab(browser) as tab:
        await tab.open(f"{origin}/board")
        await tab.evaluate(
            "(window.modules = document.querySelector('script').src.replace(/[^/]+$/, ''), window.modules)"
        )
        yield tab


async def run_feed(tab: Tab, *, api: str, until: str) -> dict[str, Any]:
    """Run a feed over this API until the condition on `told` and `taken` holds; gives both, and `asked`."""
    result: dict[str, Any] = await tab.evaluate(
        f"""Promise.all([import(modules + 'feed.js'), import(modules + 'api.js')]).then(
            ([{{ Feed }}, {{ Refused }}]) => new Promise((resolve, reject) => {{
                const told = [], taken = [], asked = [];
                const stop = new AbortController();
                const look = () => {{
                    if (!({until})) return;
                    stop.abort();
                    resolve({{ told, taken, asked }});
                }};
                const api = {api};
                new Feed(api, {{
                    take: (changes) => taken.push(changes),
                    tell: ({{ mode, code }}) => {{ told.push([mode, code]); look(); }},
                    signal: stop.signal,
                }}).run().catch((error) => {{
                    told.push(['final', error.code]);
                    resolve({{ told, taken, asked }});
                }});
            }}))"""
    )
    return result


def page(*ids: int, total: int, after: str | None, freshness: object) -> dict[str, Any]:
    return {
        "agents": {
            "nodes": [{"id": str(one)} for one in ids],
            "pageInfo": {"hasNextPage": after is not None, "endCursor": after},
            "totalCount": total,
            "freshness": freshness,
        }
    }


def changes(*ids: int, initial: bool = False) -> dict[str, Any]:
    return {
        "agentChanged": {
            "initial": initial,
            "agents": [{"id": str(one)} for one in ids],
            "left": [],
            "totalCount": 1,
            "freshness": FRESH,
        }
    }


NO_STREAMS = "async *subscribe() { throw new Refused({ code: 'BAD_REQUEST' }); }"


async def test_pages_of_two_listings_are_never_mixed(tab: Tab) -> None:
    pages = [
        page(1, 2, total=3, after="a", freshness=FRESH),
        page(3, total=3, after=None, freshness=LATER),
        page(1, total=2, after="b", freshness=LATER),
        page(4, total=2, after=None, freshness=LATER),
    ]
    found = await run_feed(
        tab,
        api=f"""{{
            pages: {json.dumps(pages)},
            async ask(query, {{ variables }}) {{ asked.push(variables.after); return this.pages.shift(); }},
            {NO_STREAMS},
        }}""",
        until="taken.length === 1",
    )

    assert found["told"] == [["polling", None]]
    [taken] = found["taken"]
    assert (taken["initial"], [one["id"] for one in taken["agents"]]) == (True, ["1", "4"])
    assert taken["freshness"] == LATER
    assert found["asked"] == [None, "a", None, "b"]


async def test_a_listing_that_changes_at_every_reading_is_shown_as_incomplete(tab: Tab) -> None:
    found = await run_feed(
        tab,
        api=f"""{{
            async ask(query, {{ variables }}) {{
                asked.push(variables.after);
                const first = {json.dumps(page(1, total=2, after="a", freshness=FRESH))};
                return variables.after === null ? first
                    : {json.dumps(page(2, total=2, after=None, freshness=LATER))};
            }},
            {NO_STREAMS},
        }}""",
        until="taken.length === 1",
    )

    assert len(found["asked"]) == 6
    assert found["taken"][0]["freshness"]["complete"] is False


async def test_a_stream_that_ends_in_order_is_taken_up_where_it_ended_and_is_no_disconnection(
    tab: Tab,
) -> None:
    found = await run_feed(
        tab,
        api=f"""{{
            async *subscribe(query, {{ lastEventId }}) {{
                asked.push(lastEventId);
                yield {{ retryMs: 5 }};
                yield {{ id: `e${{asked.length}}`, error: null,
                    data: {json.dumps(changes(1, initial=True))} }};
            }},
        }}""",
        until="asked.length === 3",
    )

    assert found["asked"] == [None, "e1", "e2"]
    assert {mode for mode, _ in found["told"]} == {"live"}


async def test_what_evolux_fails_with_is_told_and_the_stream_goes_on(tab: Tab) -> None:
    found = await run_feed(
        tab,
        api=f"""{{
            async *subscribe() {{
                asked.push('stream');
                yield {{ id: null, data: null, error: new Refused({{ code: 'UPSTREAM_TIMEOUT' }}) }};
                yield {{ id: 'e1', error: null, data: {json.dumps(changes(1, initial=True))} }};
                await new Promise(() => {{}});
            }},
        }}""",
        until="taken.length === 1",
    )

    assert found["told"] == [["down", "UPSTREAM_TIMEOUT"], ["live", None]]
    assert found["asked"] == ["stream"]


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "FORBIDDEN", "UNKNOWN_TENANT"])
async def test_what_a_person_must_change_ends_the_feed(tab: Tab, code: str) -> None:
    found = await run_feed(
        tab,
        api=f"""{{
            async *subscribe() {{
                asked.push('stream');
                yield {{ id: 'e1', error: null, data: {json.dumps(changes(1, initial=True))} }};
                yield {{ id: null, data: null, error: new Refused({{ code: '{code}' }}) }};
            }},
        }}""",
        until="false",
    )

    assert found["told"] == [["live", None], ["final", code]]
    assert found["asked"] == ["stream"]


async def test_a_gateway_that_cannot_be_reached_is_asked_again_more_and_more_rarely(tab: Tab) -> None:
    await tab.evaluate(
        """(() => {
            window.waits = [];
            const whole = window.setTimeout;
            window.setTimeout = (what, milliseconds) => {
                window.waits.push(milliseconds);
                return whole(what, milliseconds > 500 && milliseconds !== 6000 ? 1 : milliseconds);
            };
        })()"""
    )
    away = "throw new Refused({ code: 'UNREACHABLE' });"
    found = await run_feed(
        tab,
        api=f"{{ async *subscribe() {{ {away} }}, async ask() {{ {away} }} }}",
        until="told.length === 8",
    )

    assert found["told"] == [["down", "UNREACHABLE"]] * 8
    waits = [one for one in await tab.evaluate("window.waits") if one > 500 and one != 6000][:7]
    longest = [1000, 2000, 4000, 8000, 16000, 30000, 30000]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True)), waits


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_read_however_their_bytes_are_cut(tab: Tab, end: str, size: int) -> None:
    lines = [
        "retry: 250",
        "",
        ": a sign of life",
        "",
        "id: e1",
        "event: next",
        'data: {"name": "Conceição 🎧",',
        'data:"of":"two lines: and a colon"}',
        "",
        "unknown: x",
        "event: complete",
        "data",
        "",
        "event: half",
    ]
    stream = json.dumps(end.join(lines))
    read = await tab.evaluate(
        f"""import(modules + 'events.js').then(async ({{ readEvents }}) => {{
            const bytes = new TextEncoder().encode({stream});
            const body = new ReadableStream({{ start(controller) {{
                for (let at = 0; at < bytes.length; at += {size})
                    controller.enqueue(bytes.slice(at, at + {size}));
                controller.close();
            }} }});
            const events = [];
            for await (const event of readEvents(body)) events.push(event);
            return events;
        }})"""
    )

    assert read == [
        {"event": "retry", "retryMs": 250},
        None,
        {
            "event": "next",
            "id": "e1",
            "data": '{"name": "Conceição 🎧",\n"of":"two lines: and a colon"}',
        },
        {"event": "complete", "id": None, "data": ""},
    ]


async def test_texts_are_folded_as_the_api_folds_them(tab: Tab) -> None:
    texts = ["Conceição", "STRAßE", "ΣΊΣΥΦΟΣ", "ﬁne", "İstanbul", "ｆｕｌｌ", "Ærø", "José", "ñandú"]  # noqa: RUF001
    folded = await tab.evaluate(
        f"import(modules + 'holding.js').then(({{ fold }}) => {json.dumps(texts)}.map(fold))"
    )

    assert folded == [fold(text) for text in texts]
