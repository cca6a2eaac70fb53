"""The schema as a subgraph of Apollo Federation 2: its SDL with keys, and agents, queues and pauses by id."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
)

from gateway.domain import finding
from gateway.domain.agents import Agent
from gateway.domain.errors import AgentNotFound, BadUserInput, GatewayError, OperationTooLarge, QueueNotFound
from gateway.domain.given import read_id
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.pauses import Pause
from gateway.domain.queues import Queue
from gateway.domain.scopes import AGENTS_READ, require_scope
from gateway.schema.fields import Info
from gateway.schema.queries import list_pauses

MAX_REPRESENTATIONS: Final = 500
"""Entities that a router may ask for at once: as many as a page has rows at most."""
LINK: Final = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])\n'
)
_DIRECTIVES: Final = {
    **dict.fromkeys(("Agent", "Queue", "Pause"), '@key(fields: "id")'),
    "PageInfo": "@shareable",
}
_TYPE: Final = re.compile(r"^type (\w+) \{$", re.MULTILINE)
_KEYS: Final = frozenset({"__typename", "id"})

Entity = Agent | Queue | Pause
Found = Entity | GatewayError | None
Find = Callable[[int], Found]


def federated(schema: GraphQLSchema, *, sdl: str) -> GraphQLSchema:
    """The schema with `_service` and `_entities`; `sdl` is that of the schema without them."""
    subgraph_sdl = subgraph_of(sdl)
    query = schema.query_type
    assert query is not None  # noqa: S101 - ours has one
    service = GraphQLObjectType(
        "_Service", {"sdl": GraphQLField(GraphQLString, resolve=lambda _row, _info: subgraph_sdl)}
    )
    fields = {
        **query.fields,
        "_service": GraphQLField(GraphQLNonNull(service), resolve=lambda _root, _info: subgraph_sdl),
        "_entities": _entities_field(schema),
    }
    with_entities = GraphQLObjectType(
        query.name, fields, description=query.description, extensions=query.extensions
    )
    parts: dict[str, Any] = {**schema.to_kwargs()}
    others = [known for known in parts["types"] or () if known is not query]
    return GraphQLSchema(**{**parts, "query": with_entities, "types": others})


def subgraph_of(sdl: str) -> str:
    """The SDL as a composition reads it: what has a key, and what other subgraphs may define too."""

    def directed(found: re.Match[str]) -> str:
        directive = _DIRECTIVES.get(found[1])
        return found[0] if directive is None else f"type {found[1]} {directive} {{"

    return f"{LINK}\n{_TYPE.sub(directed, sdl)}"


def _entities_field(schema: GraphQLSchema) -> GraphQLField:
    kinds: dict[type, str] = {Agent: "Agent", Queue: "Queue", Pause: "Pause"}
    union = GraphQLUnionType(
        "_Entity",
        [schema.type_map[name] for name in kinds.values()],  # type: ignore[misc]
        resolve_type=lambda row, _info, _union: kinds[type(row)],
    )
    any_value = GraphQLScalarType("_Any", description="An entity as a router names it: its type and key.")
    representations = GraphQLNonNull(GraphQLList(GraphQLNonNull(any_value)))
    return GraphQLField(
        GraphQLNonNull(GraphQLList(union)),
        args={"representations": GraphQLArgument(representations)},
        resolve=find_entities,
    )


async def find_entities(_root: object, info: Info, *, representations: Sequence[object]) -> list[Found]:
    """Each entity in order, all by one snapshot: None where there is none, an error where it is misnamed."""
    require_scope(info.context.scopes, scope=AGENTS_READ)
    if len(representations) > MAX_REPRESENTATIONS:
        raise OperationTooLarge(
            f"{len(representations)} entities are asked for; the limit is {MAX_REPRESENTATIONS}."
        )
    named = [_read(one) for one in representations]
    kinds = {one[0] for one in named if isinstance(one, tuple)}
    finders = {kind: await _FINDERS[kind](info) for kind in sorted(kinds)}
    return [one if isinstance(one, GatewayError) else finders[one[0]](one[1]) for one in named]


def _read(representation: object) -> tuple[str, int] | BadUserInput:
    """The type and id that a router names; whatever else it sends is an error of this entity alone."""
    if not isinstance(representation, Mapping) or representation.keys() != _KEYS:
        return _bad("A representation is an object of __typename and id, and nothing else.")
    name, given = representation["__typename"], representation["id"]
    if not isinstance(name, str) or name not in _FINDERS:
        return _bad(f"A representation's __typename is one of {', '.join(_FINDERS)}.")
    if isinstance(given, bool) or not isinstance(given, str | int):
        return _bad("A representation's id is one of Evolux's numbers.")
    try:
        return name, read_id(str(given), of=int, field=("representations", "id"))
    except BadUserInput as refused:
        return refused


def _bad(message: str) -> BadUserInput:
    return BadUserInput(message, field=("representations",))


async def _agents(info: Info) -> Find:
    agents = (await info.context.agents.result()).snapshot

    def find(agent_id: int) -> Found:
        try:
            return finding.find_agent(agents, AgentId(agent_id))
        except AgentNotFound:
            return None
        except GatewayError as error:
            return error

    return find


async def _queues(info: Info) -> Find:
    queues = (await info.context.queues.result()).snapshot
    agents = (await info.context.agents.result()).snapshot

    def find(queue_id: int) -> Found:
        listed = finding.find_listed_queue(queues, QueueId(queue_id))
        try:
            return listed or finding.find_hidden_queue(QueueId(queue_id), queues=queues, agents=agents)
        except QueueNotFound:
            return None
        except GatewayError as error:
            return error

    return find


async def _pauses(info: Info) -> Find:
    by_id = {pause.id: pause for pause in await list_pauses(None, info)}
    return lambda pause_id: by_id.get(PauseId(pause_id))


_FINDERS: Final[Mapping[str, Callable[[Info], Awaitable[Find]]]] = {
    "Agent": _agents,
    "Queue": _queues,
    "Pause": _pauses,
}
