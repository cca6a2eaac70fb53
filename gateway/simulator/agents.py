"""Endpoints of agents: list, create, edit, log off."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.simulator.answers import Refusal, Window, done, envelope, link_to, page_response
from gateway.simulator.records import Agent, AgentChanges
from gateway.simulator.rows import WireForm
from gateway.simulator.world import World

NOT_INTEGER_QUEUES = "Agent not created, queues list must contains only integer ids."
LOGIN_TAKEN = "Agente não foi criado, esse login já está sendo usado."
ON_CALL = "Não é possível sair enquanto está em uma chamada."

_EDIT_REFUSED = """{
    "meta": {
        "status": 400,
        "message": {
			%(entry)s
		}
    },
    "errors": %(errors)s
}"""


async def list_agents(request: Request) -> Response:
    """A page of every agent, archived and disabled ones included; no filter exists."""
    world = world_of(request)
    window = Window(request, total=len(world.listing))

    def link(page: int) -> str:
        query = f"/?limit={window.limit}&page={page}"
        return link_to(request, scheme="http", host=world.form.links_host, query=query)

    rows = [world.row(agent_id) for agent_id in world.listing[window.rows]]
    return page_response(rows, pagination=window.pagination(link))


async def create_agent(request: Request) -> Response:
    """Hire an agent: 201, or 400 with the reason in `errors`."""
    world = world_of(request)
    body = await body_of(request)
    texts = {field: _text(body.get(field)) for field in ("name", "login", "password")}
    for field, text in texts.items():
        if not text:
            raise _not_created(f"Agent not created, {field} must not be empty.")
    queue_ids = _integers(body.get("queues", []))
    if queue_ids is None:
        raise _not_created(NOT_INTEGER_QUEUES)
    if world.login_taken(texts["login"]):
        raise _not_created(LOGIN_TAKEN)
    _know_queues(world, queue_ids=queue_ids)
    agent = world.add_agent(
        texts["name"], login=texts["login"], password=texts["password"], queue_ids=queue_ids
    )
    data = msgspec.Raw(world.row(agent.id))
    return envelope(201, message="Created", http_status=world.form.created_status, data=data)


async def edit_agent(request: Request) -> Response:
    """Change the given fields only, all or none; `login` and unknown fields are passed over."""
    world = world_of(request)
    agent = agent_of(request)
    body = await body_of(request)
    changes: AgentChanges = {}
    for field in ("name", "password"):
        if field in body and not _text(body[field]):
            raise _not_edited(world.form, field=field, reason="must not be empty or contain only spaces")
    if "name" in body:
        changes["name"] = _text(body["name"])
    if "queues" in body:
        changes["queue_ids"] = _edited_queues(world, value=body["queues"])
    if "levels" in body:
        changes["levels"] = _edited_levels(world, value=body["levels"])
    world.change_agent(agent.id, **changes)
    if "password" in body:
        world.set_password(agent.id, password=str(body["password"]))
    return done()


async def log_off_agent(request: Request) -> Response:
    """End an agent's login; 400 where they have none or are on a call."""
    agent = agent_of(request)
    if not agent.logged_in:
        raise Refusal(400, message="Agent is not logged")
    if agent.on_call:
        raise Refusal(400, message=ON_CALL)
    world_of(request).log_off(agent.id)
    return done()


def world_of(request: Request) -> World:
    """The world that the app serves."""
    world: World = request.app.state.world
    return world


def agent_of(request: Request) -> Agent:
    """The agent that the path names. Refusal: 404."""
    agent = world_of(request).agents.get(request.path_params["agent_id"])
    if agent is None:
        raise Refusal(404, message="Agent not found")
    return agent


async def body_of(request: Request) -> dict[str, object]:
    """The request's JSON object. Refusal: 400 for anything else."""
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, object])
    except msgspec.MsgspecError:
        raise Refusal(400, message="Bad request", errors=["Request body must be a JSON object."]) from None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _integers(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or any(type(each) is not int for each in value):
        return None
    return tuple(value)


def _not_created(reason: str) -> Refusal:
    return Refusal(400, message="Bad request", errors=[reason])


def _know_queues(world: World, *, queue_ids: tuple[int, ...]) -> None:
    if any(queue_id not in world.queues for queue_id in queue_ids):
        raise Refusal(404, message="Queue not found")


def _edited_queues(world: World, *, value: object) -> tuple[int, ...]:
    queue_ids = _integers(value)
    if queue_ids is None:
        raise _not_edited(world.form, field="queues", reason="must contain only integer ids")
    _know_queues(world, queue_ids=queue_ids)
    return queue_ids


def _edited_levels(world: World, *, value: object) -> tuple[tuple[int, int], ...]:
    try:
        levels = msgspec.convert(value, list[_Level])
    except msgspec.ValidationError:
        reason = "must contain only objects with queue_id and priority"
        raise _not_edited(world.form, field="levels", reason=reason) from None
    _know_queues(world, queue_ids=tuple(level.queue_id for level in levels))
    return tuple((level.queue_id, level.priority) for level in levels)


class _Level(msgspec.Struct, frozen=True):
    queue_id: int
    priority: int


def _not_edited(form: WireForm, *, field: str, reason: str) -> Refusal:
    entry = f'"{field}": "{field} {reason}"'
    errors = {
        "page": f"[\n        {entry}\n    ]",
        "strings": f'["{field} {reason}"]',
        "objects": f"[{{{entry}}}]",
        "object": f"{{{entry}}}",
    }[form.edit_error]
    body = _EDIT_REFUSED % {"entry": entry, "errors": errors}
    return Refusal(400, message=f"{field} {reason}", body=body.encode())
