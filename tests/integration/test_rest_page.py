"""The examples of docs/rest.md and docs/mutations.md, run as they stand there."""

import asyncio
import json
import re
from pathlib import Path

from tests.integration.test_lost_answers import PATIENT, a_world
from tests.served import KEY, Plan, serving
from tests.tools import require_tool

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, *, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


async def test_the_examples_with_curl_do_what_they_say() -> None:
    require_tool("curl")
    world = a_world(agents=12)
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, _):
        environ = {"GATEWAY": str(served.client.base_url).rstrip("/"), "KEY": KEY, "PATH": "/usr/bin:/bin"}
        answers = []
        for script in blocks("rest.md", language="sh"):
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", script, env=environ, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await process.communicate()
            assert process.returncode == 0, script
            answers.append(json.loads(output))
    listed, report, paused = answers
    assert [agent["id"] for agent in listed["agents"]] == ["2", "12"]
    assert report["total"]["agents"] == 12
    assert paused["agent"]["currentPause"]["pause"]["id"] == "49"
    assert world.agents[2].current_pause is not None


async def test_the_write_to_many_of_the_page_runs() -> None:
    [example] = blocks("mutations.md", language="graphql")
    world = a_world(agents=12)
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, _):
        told = (await served.ask(example))["logoffAgents"]
    assert (told["doneCount"], told["failedCount"], told["errors"]) == (9, 0, [])
    assert not any(agent.logged_in for agent in world.agents.values())
