"""Whatever is asked, all ways of a gateway give the same answer: at once, in the lane, from the start."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.main import edge
from gateway.settings import CacheSettings, LimitSettings
from gateway.web import app
from tests.integration.test_recognition import world
from tests.raw_http import exchange
from tests.served import KEY, READER_KEY, Plan, Served, serving

QUERIES: Final = (
    "{ agents(first: 2) { nodes { id name state } totalCount } }",
    "query($first: Int) { agents(first: $first) { nodes { id } } }",
    "query($first: Int = 500, $id: ID = 2) { agents(first: $first) { totalCount } agent(id: $id) { name } }",
    "query($id: ID!) { agent(id: $id) { id name } queues { id } }",
    "query($with: Boolean!) { viewer { name @include(if: $with) } agents @skip(if: $with) { totalCount } }",
    "query A { viewer { tenant } } query B { agents { totalCount } }",
    "{ agent(id: 99) { id } }",
    "{ nothing }",
)
VALUE: Final = st.sampled_from(
    [1, 2, 1.0, -1, 2**40, 2**70, 0.5, -0.0, "1", "2", "", "x" * 300, True, False, None, [], ["1"], {"a": 1}]
)
VARIABLES: Final = st.sampled_from(
    [None, {}, {"first": 1}, {"first": None}, {"id": "1"}, {"with": True}]
) | st.dictionaries(st.sampled_from(["first", "id", "with", "other"]), VALUE, max_size=3)
HEADERS: Final[st.SearchStrategy[list[str]]] = st.just([]) | st.lists(
    st.sampled_from(
        [
            "X-Tenant: acme",
            "X-Tenant: outra",
            "x-tenant:",
            "Cache-Control: max-age=60",
            "Cache-Control: only-if-cached",
            "cache-control: ONLY-IF-CACHED, max-age=9",
            "Accept: application/graphql-response+json",
            "Accept: */*;q=0.1, text/html",
            "Accept: text/event-stream",
            "Accept: text/csv",
            "Content-Encoding: identity",
            "Content-Encoding: gzip",
            "Content-Type: application/json; charset=latin-1",
            "X-Operation-Cost: report",
            f"Authorization: Bearer {KEY}",
            "Origin: https://elsewhere.example",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-origin",
            "Accept-Encoding: gzip, br;q=0.5",
            "Accept-Encoding: *",
            "X-Request-Id: board-1",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "traceparent: nonsense",
            "Connection: close",
            "Connection: keep-alive",
            "Transfer-Encoding: identity",
        ]
    ),
    max_size=3,
)
TEXTS: Final = st.sampled_from(
    ["", "", "", " ", '"x": 1, ', '"variables": {"first": 1}, ', '"query": null, ', '"x": 1e999, ']
)
_REQUEST_ID: Final = re.compile(b'"requestId":"[^"]+"')
NAMES: Final = st.sampled_from([*[None] * 9, "A", "B", "", 1])
EXTENSIONS: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [*[None] * 9, {}, [], {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}]
)
KEYS: Final = st.sampled_from([KEY, KEY, READER_KEY, "planted-key-of-nobody"])


class Ways:
    """Gateways in front of simulators alike: with both short ways, with one, and with none."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._ports: list[int] = []

    def open(self) -> None:
        """Start them."""
        self._runner.run(self._open())

    async def _open(self) -> None:
        build = app.build_app
        plan = Plan(
            cache=CacheSettings(fresh_seconds=600), limits=LimitSettings(max_cost=60, max_body_bytes=900)
        )
        for has_lane, is_at_once in ((True, True), (True, False), (False, False)):
            with pytest.MonkeyPatch.context() as patched:
                if not is_at_once:
                    patched.setattr(
                        edge, "AnswersAtOnce", lambda *_parts, **_named: lambda _scope, _body: None
                    )
                if not has_lane:
                    patched.setattr(edge, "build_app", lambda **parts: build(**{**parts, "lane": None}))
                worlds = {"acme": world(), "outra": world("outra", agents=3)}
                served, _ = await self._stack.enter_async_context(serving(worlds, plan=plan))
            await _warm(served)
            assert served.client.base_url.port is not None
            self._ports.append(served.client.base_url.port)

    def ask(self, sent: bytes, *, times: int) -> list[list[Any]]:
        """What each of them answers to the same bytes, as often as asked."""

        async def ask() -> list[list[Any]]:
            return [[await _told(port, sent) for _ in range(times)] for port in self._ports]

        return self._runner.run(ask())

    def close(self) -> None:
        """Stop them."""
        self._runner.run(self._stack.aclose())
        self._runner.close()


async def _warm(served: Served) -> None:
    for tenant in ("acme", "outra"):
        await served.ask("{ agents { totalCount } queues { id } }", headers={"X-Tenant": tenant})


async def _told(port: int, sent: bytes) -> Any:
    answer = await exchange(port, sent)
    assert answer is not None
    headers = {
        name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id", "age"}
    }
    headers["content-length"] = ""
    return answer.status, headers, _REQUEST_ID.sub(b"", answer.body)


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    made = Ways()
    made.open()
    yield made
    made.close()


class Asking(msgspec.Struct, frozen=True):
    """One query, asked several times by one caller with variables that may differ."""

    query: str
    turns: list[tuple[Any, str]]
    headers: list[str]
    name: Any
    extensions: Any
    key: str

    def requests(self) -> Iterator[bytes]:
        """Its bytes: each time with other variables, and with more in the body than a query needs."""
        kept = {"operationName": self.name, "extensions": self.extensions}
        asked = {"query": self.query, **{key: value for key, value in kept.items() if value is not None}}
        head = [f"Authorization: Bearer {self.key}", "Content-Type: application/json", "X-Tenant: acme"]
        for variables, more in self.turns:
            body = f"{{{more}{json.dumps({**asked, 'variables': variables})[1:]}".encode()
            lines = ["POST /graphql HTTP/1.1", "Host: gateway", *head, *self.headers]
            yield "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def of(query: str, *turns: tuple[Any, str]) -> Asking:
    """The same as anybody would ask it."""
    return Asking(query=query, turns=list(turns), headers=[], name=None, extensions=None, key=KEY)


ASKING: Final = st.builds(
    Asking,
    query=st.sampled_from(QUERIES),
    turns=st.lists(st.tuples(VARIABLES, TEXTS), min_size=2, max_size=4),
    headers=HEADERS,
    name=NAMES,
    extensions=EXTENSIONS,
    key=KEYS,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(asking=ASKING)
@example(asking=of(QUERIES[1], ({"first": 2}, ""), ({}, "")))
@example(asking=of(QUERIES[2], ({"first": 2}, ""), ({"id": "1"}, "")))
@example(asking=of(QUERIES[0], (None, ""), (None, '"x": 1e999, ')))
@example(asking=of(QUERIES[0], (None, ""), ({"x": "y" * 900}, "")))
def test_what_comes_again_is_answered_as_if_it_came_for_the_first_time(ways: Ways, asking: Asking) -> None:
    for sent in asking.requests():
        at_once, recognized, understood = ways.ask(sent, times=3)
        assert at_once == recognized == understood
        assert at_once[0] == at_once[1] == at_once[2]
