"""What callers give, read and checked the same for every surface. No message quotes a value.

`field` names the value at fault in the words of the outside; a surface may put its own root before it.
"""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.agents import AgentChange, NewAgent, QueueLevel
from gateway.domain.errors import BadUserInput
from gateway.domain.ids import QueueId, parse_id

Id = TypeVar("Id", bound=int)
Path = tuple[str, ...]

_OUTSIDE_NAMES: Final = {
    "queues": "queueIds",
    "queue_ids": "queueIds",
    "agent_id": "agentId",
    "pause_id": "pauseId",
}
"""What a call centre calls a value, in the words of the outside; other names are the same in both."""

MAX_TEXT_CHARS: Final = 255
MAX_SEARCH_CHARS: Final = 255
MAX_PRIORITY: Final = 1_000


class GivenAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent to create, as given. The password never prints."""

    name: str
    login: str
    password: str
    queue_ids: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "GivenAgent(***)"


class GivenLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A priority in a queue, as given."""

    queue_id: str
    priority: int


class GivenChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an agent, as given: UNSET was left out, None is a null, which is refused."""

    name: str | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET
    queue_ids: tuple[str, ...] | UnsetType | None = UNSET
    levels: tuple[GivenLevel, ...] | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return "GivenChange(***)"


def read_new_agent(given: GivenAgent) -> NewAgent:
    """Read an agent to create; `BadUserInput` names what cannot be."""
    return NewAgent(
        name=check_text(given.name, field=("name",)),
        login=check_text(given.login, field=("login",)),
        password=check_text(given.password, field=("password",)),
        queue_ids=read_ids(given.queue_ids, of=QueueId, field=("queueIds",)),
    )


def read_change(given: GivenChange) -> AgentChange:
    """Read a change of what is given; `BadUserInput` where nothing is, or names what cannot be."""
    change = AgentChange(
        name=_text_if_given(given.name, field=("name",)),
        password=_text_if_given(given.password, field=("password",)),
        queue_ids=_queue_ids_if_given(given.queue_ids),
        levels=_levels_if_given(given.levels),
    )
    if change == AgentChange():
        raise BadUserInput("Give at least one field to change.", field=())
    return change


def check_text(text: str, *, field: Path) -> str:
    """Give the text back; `BadUserInput` where it is blank, too long or holds control characters."""
    name = field[-1]
    if not text.strip():
        raise BadUserInput(f"{name} must not be blank.", field=field)
    if len(text) > MAX_TEXT_CHARS:
        raise BadUserInput(f"{name} is longer than {MAX_TEXT_CHARS} characters.", field=field)
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise BadUserInput(f"{name} holds control characters.", field=field)
    return text


def check_search(text: str | None, *, field: Path) -> str | None:
    """Give the words to search for back; `BadUserInput` where they are too long."""
    if text is not None and len(text) > MAX_SEARCH_CHARS:
        raise BadUserInput(f"search is longer than {MAX_SEARCH_CHARS} characters.", field=field)
    return text


def read_id(text: str, *, of: Callable[[int], Id], field: Path) -> Id:
    """Read an id as callers write it; `BadUserInput` with the field where it is not one."""
    number = parse_id(text)
    if number is None:
        raise BadUserInput("An id is a positive whole number in decimal digits.", field=field)
    return of(number)


def read_ids(texts: Iterable[str], *, of: Callable[[int], Id], field: Path) -> tuple[Id, ...]:
    """Read ids, each once, in the order given."""
    return tuple(dict.fromkeys(read_id(text, of=of, field=field) for text in texts))


def outside(field: Path) -> Path:
    """A path in the outside's words, where a call centre named the value in its own."""
    return tuple(_OUTSIDE_NAMES.get(name, name) for name in field)


def _is_given(value: object, *, field: Path) -> bool:
    """Say whether a caller gave the value; `BadUserInput` for a null, which says neither what nor nothing."""
    if value is None:
        raise BadUserInput(f"{field[-1]} cannot be null: leave it out to keep it as it is.", field=field)
    return value is not UNSET


def _text_if_given(text: str | UnsetType | None, *, field: Path) -> str | None:
    return check_text(text, field=field) if _is_given(text, field=field) and isinstance(text, str) else None


def _queue_ids_if_given(texts: tuple[str, ...] | UnsetType | None) -> tuple[QueueId, ...] | None:
    field = ("queueIds",)
    if not _is_given(texts, field=field) or not isinstance(texts, tuple):
        return None
    return read_ids(texts, of=QueueId, field=field)


def _levels_if_given(given: tuple[GivenLevel, ...] | UnsetType | None) -> tuple[QueueLevel, ...] | None:
    field = ("levels",)
    if not _is_given(given, field=field) or not isinstance(given, tuple):
        return None
    levels = tuple(_read_level(each, at=at) for at, each in enumerate(given))
    if not levels:
        raise BadUserInput("levels must not be empty: leave it out to keep the priorities.", field=field)
    if len({level.queue_id for level in levels}) < len(levels):
        raise BadUserInput("levels names a queue twice.", field=field)
    return levels


def _read_level(given: GivenLevel, *, at: int) -> QueueLevel:
    place = ("levels", str(at))
    if not 0 <= given.priority <= MAX_PRIORITY:
        raise BadUserInput(f"priority must be from 0 to {MAX_PRIORITY}.", field=(*place, "priority"))
    queue_id = read_id(given.queue_id, of=QueueId, field=(*place, "queueId"))
    return QueueLevel(queue_id=queue_id, priority=given.priority)
