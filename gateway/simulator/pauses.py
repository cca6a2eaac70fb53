"""Endpoints of pauses: what an agent may take, pause, unpause."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.simulator.agents import agent_of, body_of, world_of
from gateway.simulator.answers import SEMANTIC_ERROR, Refusal, Window, done, link_to, page_response
from gateway.simulator.rows import allowed_pause_row


async def list_pauses(request: Request) -> Response:
    """What the agent may take, a row per queue and pause; `limit` is passed over, as in Evolux's example."""
    world = world_of(request)
    allowed = world.allowed_pauses(agent_of(request).id)
    window = Window(request, total=len(allowed), limit_counts=False)

    def link(page: int) -> str:
        return link_to(request, scheme="https", host=world.form.links_host, query=f"?page={page}")

    rows = [
        msgspec.json.encode(allowed_pause_row(each, pauses=world.pauses)) for each in allowed[window.rows]
    ]
    return page_response(rows, pagination=window.pagination(link))


async def pause_agent(request: Request) -> Response:
    """Begin a pause named by `pause.id`; one who is off or may not take it is refused as Evolux might."""
    agent = agent_of(request)
    pause_id = (await body_of(request)).get("pause_id")
    if type(pause_id) is not int:
        raise Refusal(400, message="Bad request", errors=["pause_id must be an integer."])
    if agent.current_pause is not None:
        raise _impossible("Agent already paused")
    if not agent.logged_in:
        raise _impossible("Agent is not logged")
    world = world_of(request)
    if pause_id not in {allowed.pause_id for allowed in world.allowed_pauses(agent.id)}:
        raise Refusal(404, message="Pause not found")
    world.pause(agent.id, pause_id)
    return done()


async def unpause_agent(request: Request) -> Response:
    """End the agent's pause; 422 where there is none."""
    agent = agent_of(request)
    if agent.current_pause is None:
        raise _impossible("Agent is unpaused")
    world_of(request).unpause(agent.id)
    return done()


def _impossible(message: str) -> Refusal:
    return Refusal(422, message=message, errors=[SEMANTIC_ERROR])
