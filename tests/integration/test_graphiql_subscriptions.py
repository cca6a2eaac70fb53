"""Subscriptions in GraphiQL, in a real browser, against a whole gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.simulator.population import LUNCH
from gateway.simulator.server import RunningSimulator
from tests.browser import Tab, open_tab
from tests.integration.test_board_in_a_browser import LIVELY, small_world
from tests.integration.test_stream_lives import open_streams
from tests.replicas import until
from tests.served import KEY, Served, serving

pytestmark = pytest.mark.browser

FOLLOWED = "subscription { agentStatesChanged { total { agents paused } } }"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror')"
RESULT = "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
STOP = "document.querySelector('.graphiql-execute-button[aria-label^=\"Stop\"]')"


@asynccontextmanager
async def graphiql(browser: str) -> AsyncIterator[tuple[Served, RunningSimulator, Tab]]:
    """A tab that is signed in."""
    async with serving(small_world(), plan=LIVELY) as (served, simulators), open_tab(browser) as tab:
        await tab.open(f"{str(served.client.base_url).rstrip('/')}/graphql")
        await tab.evaluate(
            f"""document.getElementById('api-key').value = {json.dumps(KEY)};
                document.querySelector('#credentials [type=submit]').click()"""
        )
        await tab.until(EDITOR)
        yield served, simulators["acme"], tab


async def run(tab: Tab, document: str) -> None:
    await tab.evaluate(f"{EDITOR}.CodeMirror.setValue({json.dumps(document)})")
    await tab.evaluate("document.querySelector('.graphiql-execute-button').click()")


async def test_what_changes_is_shown_until_it_is_stopped(browser: str) -> None:
    async with graphiql(browser) as (served, simulator, tab):
        await run(tab, FOLLOWED)
        await tab.until(f"{RESULT}.includes('\"paused\": 0')")
        simulator.world.pause(1, LUNCH)
        await tab.until(f"{RESULT}.includes('\"paused\": 1')")
        assert open_streams(served) == 1

        await tab.evaluate(f"{STOP}.click()")
        await until(lambda: open_streams(served) == 0)
        await tab.until(f"!{STOP}")
        assert '"paused": 1' in await tab.evaluate(RESULT)
        assert tab.complaints == []


async def test_one_that_is_refused_says_why(browser: str) -> None:
    async with graphiql(browser) as (served, _, tab):
        await run(tab, FOLLOWED.replace("paused", "paused longest: nothing"))
        await tab.until(f"{RESULT}.includes('GRAPHQL_VALIDATION_FAILED')")
        assert open_streams(served) == 0


async def test_one_whose_gateway_stops_comes_to_its_end(browser: str) -> None:
    async with graphiql(browser) as (served, _, tab):
        await run(tab, FOLLOWED)
        await tab.until(f"{RESULT}.includes('\"paused\": 0')")
        served.gateway.stop.streams_end.set()
        await tab.until(f"!{STOP}")
