"""GraphiQL in a real browser: what it draws, asks, keeps, and what it never asks for."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from graphql import build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from gateway.web.graphiql import asset_routes, graphiql_page
from tests.browser import Tab, open_tab

pytestmark = pytest.mark.browser

API_KEY = "planted-key-of-a-browser"

SCHEMA = build_schema(
    """
    type Query { agents(first: Int): AgentConnection! }
    type AgentConnection { nodes: [Agent!]! totalCount: Int! }
    type Agent { id: ID! name: String! state: String! }
    """
)

AGENTS = {
    "agents": {"nodes": [{"id": "7", "name": "Conceição Araújo", "state": "PAUSED"}], "totalCount": 4711}
}

RESULT = "document.querySelector('.result-window')?.textContent"
ANSWER_IS_SHOWN = f"{RESULT}?.includes('Conceição Araújo')"


@dataclass(slots=True)
class Site:
    """A gateway's edge with the page of the package and a GraphQL endpoint of three types behind it."""

    origin: str
    is_down: bool = False
    operations: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.origin}/graphql"

    async def show(self, _: Request) -> Response:
        return graphiql_page(endpoint="/graphql")

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        headers = request.headers
        self.operations.append((body["query"], headers.get("Authorization"), headers.get("X-Tenant")))
        if self.is_down:
            return HTMLResponse("<h1>Bad Gateway</h1>", status_code=502)
        result = graphql_sync(SCHEMA, body["query"], AGENTS)
        assert result.errors is None
        return JSONResponse({"data": result.data}, media_type="application/graphql-response+json")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    listener = socket.create_server(("127.0.0.1", 0))
    site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app = Starlette(
        routes=[
            Route("/graphql", site.show, methods=["GET"]),
            Route("/graphql", site.answer, methods=["POST"]),
            *asset_routes(),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield site
    server.should_exit = True
    await serving


@pytest.fixture
async def tab(site: Site, browser: str) -> AsyncIterator[Tab]:
    async with open_tab(browser) as tab:
        await tab.open(site.url)
        await tab.until("document.querySelector('.graphiql-query-editor .CodeMirror-code')")
        yield tab


async def use_credentials(tab: Tab, *, api_key: str, tenant: str) -> None:
    await tab.evaluate(
        f"""document.getElementById('api-key').value = {json.dumps(api_key)};
            document.getElementById('tenant').value = {json.dumps(tenant)};
            document.querySelector('#credentials [type=submit]').click()"""
    )
    await tab.until("document.querySelector('.graphiql-execute-button')")


async def run_operation(tab: Tab) -> None:
    await tab.evaluate("document.querySelector('.graphiql-execute-button').click()")
    await tab.until(ANSWER_IS_SHOWN)


async def open_dialog(tab: Tab, *, label: str) -> None:
    await tab.evaluate(f"document.querySelector('button[aria-label=\"{label}\"]').click()")
    await tab.until("document.querySelector('.graphiql-dialog')")


async def test_the_default_query_runs_and_shows_its_answer(site: Site, tab: Tab) -> None:
    assert site.operations == []

    await use_credentials(tab, api_key=f" Bearer {API_KEY} ", tenant="acme")
    await run_operation(tab)

    introspection, *asked = site.operations
    assert "__schema" in introspection[0]
    assert introspection[1:] == (f"Bearer {API_KEY}", "acme")
    [(query, authorization, tenant)] = asked
    assert "".join(query.split()).endswith("{agents(first:3){nodes{idnamestate}totalCount}}")
    assert (authorization, tenant) == (f"Bearer {API_KEY}", "acme")


async def test_nothing_leaves_the_origin_and_nothing_is_complained_about(site: Site, tab: Tab) -> None:
    await use_credentials(tab, api_key=API_KEY, tenant="")
    await run_operation(tab)
    await tab.evaluate("document.querySelector('button[aria-label=\"Show Documentation Explorer\"]').click()")
    await tab.until("document.querySelector('.graphiql-doc-explorer')")
    await open_dialog(tab, label="Open settings dialog")

    fetched = [url for url in tab.requested_urls if not url.startswith("data:")]
    assert [url for url in fetched if not url.startswith(f"{site.origin}/graphql")] == []
    assert {url.rpartition("/")[2] for url in fetched} == {
        "graphql",
        "react.production.min.js",
        "react-dom.production.min.js",
        "graphiql.min.js",
        "graphiql.min.css",
        "graphiql.js",
        "graphiql.css",
    }
    assert tab.complaints == []


async def test_the_fonts_of_the_package_are_drawn(tab: Tab) -> None:
    await tab.until("[...document.fonts].some((face) => face.status === 'loaded')")

    assert await tab.evaluate("[...document.fonts].filter((face) => face.status === 'error').length") == 0


async def test_the_key_stays_in_the_session_of_the_tab(site: Site, tab: Tab) -> None:
    await use_credentials(tab, api_key=API_KEY, tenant="acme")
    await run_operation(tab)

    assert await tab.evaluate("location.href") == site.url
    assert await tab.evaluate("localStorage.length") == 0
    assert await tab.evaluate("document.cookie") == ""
    keepers = f"Object.keys(sessionStorage).filter((k) => sessionStorage[k].includes('{API_KEY}'))"
    assert await tab.evaluate(keepers) == ["gateway:api-key"]
    assert all(API_KEY not in url for url in tab.requested_urls)


async def test_a_reload_keeps_the_key_and_forget_drops_it(site: Site, tab: Tab) -> None:
    await use_credentials(tab, api_key=API_KEY, tenant="acme")
    await tab.open(f"{site.url}?")
    await tab.until("document.querySelector('.graphiql-execute-button')")
    assert await tab.evaluate("document.getElementById('api-key').value") == API_KEY

    await tab.evaluate("document.querySelector('#credentials [type=reset]').click()")
    await run_operation(tab)

    assert await tab.evaluate("document.getElementById('api-key').value") == ""
    assert await tab.evaluate(f"JSON.stringify(sessionStorage).includes('{API_KEY}')") is False
    assert site.operations[-1][1:] == (None, None)
    assert site.operations[-2][1:] == (f"Bearer {API_KEY}", "acme")


async def test_a_header_typed_in_graphiql_stands_above_the_form_and_goes_with_the_tab(
    site: Site, tab: Tab
) -> None:
    await use_credentials(tab, api_key=API_KEY, tenant="acme")
    await tab.evaluate(
        """[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)
            .CodeMirror.setValue('{"x-tenant": "globex", "authorization": "Bearer planted-key-typed"}')"""
    )
    await run_operation(tab)

    assert site.operations[-1][1:] == ("Bearer planted-key-typed", "globex")
    assert await tab.evaluate("localStorage.length") == 0


async def test_an_answer_that_is_not_json_is_named_with_its_status(site: Site, tab: Tab) -> None:
    await use_credentials(tab, api_key=API_KEY, tenant="")
    site.is_down = True
    await tab.evaluate("document.querySelector('.graphiql-execute-button').click()")

    await tab.until(f"{RESULT}?.includes('HTTP 502: the answer is not JSON')")
    assert "Bad Gateway" not in await tab.evaluate(RESULT)


async def test_headers_cannot_be_told_to_persist(tab: Tab) -> None:
    await open_dialog(tab, label="Open settings dialog")

    shown = await tab.evaluate("document.querySelector('.graphiql-dialog').innerText")
    assert "Theme" in shown
    assert "Persist headers" not in shown
