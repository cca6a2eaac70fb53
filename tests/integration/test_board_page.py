"""The examples of docs/board.md, run in a browser as they stand there."""

import re
from pathlib import Path

import pytest

from gateway.settings import CacheSettings, SubscriptionSettings
from gateway.simulator.world import World
from tests.browser import open_tab
from tests.served import READER_KEY, Plan, serving, token_of

pytestmark = pytest.mark.browser

PAGE = (Path(__file__).parents[2] / "docs" / "board.md").read_text(encoding="utf-8")
EXAMPLES = "\n".join(re.findall(r"```js\n(.*?)```", PAGE, flags=re.DOTALL))
PLAN = Plan(
    cache=CacheSettings(fresh_seconds=0.1, stale_seconds=0),
    subscriptions=SubscriptionSettings(poll_seconds=0.2, refresh_seconds=1, keep_alive_seconds=1),
)
CHANGES = "subscription { agentChanged { initial agents { name state } left totalCount } }"


def world() -> World:
    made = World(token=token_of("acme"))
    for name in ("Ana", "Bruno"):
        made.log_in(made.add_agent(name, login=name.lower()).id)
    return made


async def test_a_page_asks_and_follows_as_the_examples_do(browser: str) -> None:
    async with serving(world(), plan=PLAN) as (served, simulators), open_tab(browser) as tab:
        await tab.open(f"{served.client.base_url}/board")
        await tab.evaluate(f"{EXAMPLES}\nObject.assign(window, {{ ask, follow }}), 1")

        asked = await tab.evaluate(f"ask('{{ agents {{ totalCount }} }}', {{ key: '{READER_KEY}' }})")
        assert asked == {"agents": {"totalCount": 2}}
        refused = (
            "ask('{ agents { totalCount } }', { key: 'planted-key-of-nobody' }).catch((one) => one.code)"
        )
        assert await tab.evaluate(refused) == "UNAUTHENTICATED"

        follow = f"follow('{CHANGES}', {{ key: '{READER_KEY}', signal: stop.signal, onEvent, lastEventId }})"
        await tab.evaluate(
            f"""(() => {{
                window.events = [];
                const onEvent = (event) => window.events.push(event);
                window.start = (lastEventId) => {{
                    window.stop = new AbortController();
                    {follow}.catch(() => {{}});
                }};
                window.start();
            }})()"""
        )
        await tab.until("window.events.length > 0")
        first = await tab.evaluate("window.events[0]")
        assert first["data"]["agentChanged"]["initial"] is True
        assert first["data"]["agentChanged"]["totalCount"] == 2

        simulators["acme"].world.log_off(1)
        changed = "window.events.find(({ data }) => data.agentChanged.agents[0]?.state === 'LOGGED_OUT')"
        await tab.until(changed)
        told = (await tab.evaluate(changed))["data"]["agentChanged"]
        assert told == {
            "initial": False,
            "agents": [{"name": "Ana", "state": "LOGGED_OUT"}],
            "left": [],
            "totalCount": 2,
        }

        await tab.evaluate("window.stop.abort()")
        last = await tab.evaluate("window.events.at(-1).id")
        simulators["acme"].world.log_off(2)
        await tab.evaluate(f"(window.events = [], window.start('{last}'))")
        await tab.until(changed)
        told = (await tab.evaluate("window.events"))[0]["data"]["agentChanged"]
        assert told["initial"] is False
