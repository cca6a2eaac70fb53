"""Documents that nobody thought of: whatever the schema allows to be asked, no failure is ours."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.world import World
from tests.served import Plan, Served, serving, token_of

SDL = (Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8")
PLAN = Plan(
    cache=CacheSettings(fresh_seconds=3_600),
    limits=LimitSettings(
        caller_burst=10_000,
        tenant_burst=10_000,
        upstream_requests_per_second=10_000,
        upstream_burst=10_000,
        max_tokens=10_000,
        max_cost=1_000_000,
        max_aliases=1_000,
        max_root_fields=1_000,
    ),
)
GENERATED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

DOCUMENTS = from_schema(SDL, custom_scalars={"DateTime": st.nothing()}, allow_x00=True, codec="utf-8")


class Asker:
    """A gateway in a thread of its own: Hypothesis runs outside of any event loop."""

    def __init__(self, served: Served, loop: asyncio.AbstractEventLoop) -> None:
        self._served = served
        self._loop = loop

    def ask(self, document: str) -> tuple[int, list[str]]:
        """The status, and the codes of the answer's errors."""
        answer: Future[Any] = asyncio.run_coroutine_threadsafe(self._served.post(document), self._loop)
        response = answer.result(timeout=30)
        return response.status_code, [one["extensions"]["code"] for one in response.json().get("errors", [])]


def populated() -> World:
    world = World(token=token_of("acme"))
    for number in range(1, 31):
        world.add_agent(f"Ana {number}", login=f"ana.{number}")
        world.log_in(number)
    return world


@contextmanager
def running_gateway() -> Iterator[Asker]:
    ready: Future[Asker] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(populated(), plan=PLAN) as (served, _simulators):
            ready.set_result(Asker(served, loop))
            await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ready.result(timeout=30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with running_gateway() as running:
        yield running


@given(document=DOCUMENTS)
@GENERATED
def test_no_generated_document_finds_a_failure_of_ours(asker: Asker, document: str) -> None:
    status, codes = asker.ask(document)
    assert status < 500
    assert "INTERNAL_SERVER_ERROR" not in codes
    assert "GRAPHQL_PARSE_FAILED" not in codes
    assert "GRAPHQL_VALIDATION_FAILED" not in codes


@given(document=DOCUMENTS, data=st.data())
@GENERATED
def test_no_damaged_document_finds_a_failure_of_ours(
    asker: Asker, document: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(document)))
    length = data.draw(st.integers(0, 20))
    inserted = data.draw(st.text(max_size=20, alphabet=st.characters(codec="utf-8")))
    status, codes = asker.ask(document[:at] + inserted + document[at + length :])
    assert status < 500
    assert "INTERNAL_SERVER_ERROR" not in codes
