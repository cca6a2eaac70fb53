"""The simulated call centre: its state, and the verbs by which tests change it behind the gateway's back."""

import hashlib
import hmac
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import Unpack

import msgspec
from msgspec.structs import replace

from gateway.simulator.catalogue import Catalogue
from gateway.simulator.records import Agent, AgentChanges, AgentLogin, AgentPause, AllowedPause
from gateway.simulator.rows import WireForm, agent_row

_PASSWORD_ROUNDS = 1_000  # a developer's stand-in: enough to keep no clear text, cheap enough for many agents


def utc_now() -> datetime:
    """The wall clock, aware and in UTC."""
    return datetime.now(UTC)


class World(Catalogue):
    """One tenant's Evolux in memory. Every change replaces a record, so that encoded rows stay right.

    The verbs here check nothing but that ids exist (KeyError); Evolux's rules live with its endpoints.
    """

    def __init__(
        self,
        *,
        token: str = "simulator-token",  # noqa: S107  a stand-in's token, made up and printed on purpose
        clock: Callable[[], datetime] = utc_now,
        seed: int = 1,
        form: WireForm | None = None,
    ) -> None:
        super().__init__()
        self._rows_edition = 0
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311  makes a population, keeps no secret
        self._token = token
        self._form = form or WireForm()
        self._agents: dict[int, Agent] = {}
        self._logins: dict[str, int] = {}
        self._order: list[int] = []
        self._rows: dict[int, bytes] = {}
        self._digests: dict[int, bytes] = {}
        self._own_allowed: dict[int, list[AllowedPause]] = {}
        self._agent_ids = count(1)
        self._login_ids = count(4591)
        self._taken_ids = count(46983)

    @classmethod
    def seeded(
        cls,
        agents: int = 62,
        *,
        seed: int = 1,
        token: str = "simulator-token",  # noqa: S107  as above
        clock: Callable[[], datetime] = utc_now,
        form: WireForm | None = None,
    ) -> "World":
        """A Brazilian call centre with agents in every state; equal arguments give equal worlds."""
        from gateway.simulator.population import populate  # noqa: PLC0415  the population is made of worlds

        world = cls(token=token, clock=clock, seed=seed, form=form)
        populate(world, agents=agents)
        return world

    def __repr__(self) -> str:
        return f"World(agents={len(self._agents)}, queues={len(self._queues)}, pauses={len(self._pauses)})"

    @property
    def agents(self) -> Mapping[int, Agent]:
        """Agents by id, in the order of the listing's making."""
        return MappingProxyType(self._agents)

    @property
    def listing(self) -> list[int]:
        """Agent ids in the order in which the listing shows them: no order is promised."""
        return self._order

    @property
    def form(self) -> WireForm:
        """The wire forms in use; setting it rewrites every row."""
        return self._form

    @form.setter
    def form(self, form: WireForm) -> None:
        self._form = form
        self._rows.clear()

    def accepts(self, token: str) -> bool:
        """Whether this is the tenant's API token."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def rotate_token(self, token: str) -> None:
        """From now on only this token is accepted."""
        self._token = token

    def row(self, agent_id: int) -> bytes:
        """The agent's listing row as JSON, encoded once per change."""
        if self._rows_edition != self.edition:
            self._rows.clear()
            self._rows_edition = self.edition
        row = self._rows.get(agent_id)
        if row is None:
            agent = self._agents[agent_id]
            row = msgspec.json.encode(
                agent_row(agent, pauses=self._pauses, queues=self._queues, form=self._form)
            )
            self._rows[agent_id] = row
        return row

    def login_taken(self, login: str) -> bool:
        """Whether some agent, archived or not, has this login."""
        return login.casefold() in self._logins

    def allowed_pauses(self, agent_id: int) -> list[AllowedPause]:
        """What the agent may take: set for them alone, or else one entry per queue of theirs and pause."""
        own = self._own_allowed.get(agent_id)
        if own is not None:
            return own
        return [each for queue_id in self._agents[agent_id].queue_ids for each in self.allowed_in(queue_id)]

    def set_allowed_pauses(self, agent_id: int, *, allowed: Iterable[AllowedPause]) -> None:
        """Let one agent take exactly these, whatever their queues allow."""
        self._own_allowed[self._agents[agent_id].id] = list(allowed)

    def add_agent(
        self,
        name: str,
        *,
        login: str,
        password: str | None = None,
        queue_ids: Iterable[int] = (),
        enabled: bool = True,
        archived: bool = False,
    ) -> Agent:
        """Hire an agent, last in the listing. ValueError: the login is taken."""
        if self.login_taken(login):
            raise ValueError(f"login {login!r} is taken")
        agent = Agent(
            id=next(self._agent_ids),
            name=name,
            login=login,
            enabled=enabled,
            archived=archived,
            queue_ids=tuple(queue_ids),
        )
        if password is not None:
            self._digests[agent.id] = _digest(password, salt=login)
        self._logins[login.casefold()] = agent.id
        self._order.append(agent.id)
        return self._put(agent)

    def remove_agent(self, agent_id: int) -> None:
        """Take an agent out of the listing: what stood after them moves up."""
        agent = self._agents.pop(agent_id)
        del self._logins[agent.login.casefold()]
        self._order.remove(agent_id)
        self._rows.pop(agent_id, None)
        self._own_allowed.pop(agent_id, None)
        self._digests.pop(agent_id, None)

    def shuffle(self) -> None:
        """Put the listing into another order, as Evolux may between two pages."""
        self.random.shuffle(self._order)

    def change_agent(self, agent_id: int, **changes: Unpack[AgentChanges]) -> Agent:
        """Replace fields of an agent's record."""
        return self._put(replace(self._agents[agent_id], **changes))

    def rename_agent(self, agent_id: int, *, name: str) -> Agent:
        """Give an agent another name."""
        return self.change_agent(agent_id, name=name)

    def set_password(self, agent_id: int, *, password: str) -> None:
        """Remember a digest of the password."""
        self._digests[agent_id] = _digest(password, salt=self._agents[agent_id].login)

    def password_is(self, agent_id: int, *, password: str) -> bool:
        """Whether this is the agent's password, so that a test can tell that it arrived."""
        kept = self._digests.get(agent_id, b"")
        return hmac.compare_digest(kept, _digest(password, salt=self._agents[agent_id].login))

    def set_on_call(self, agent_id: int, on_call: bool) -> Agent:  # noqa: FBT001  the name says what the flag is
        """Put an agent on a call or take them off it; no listing shows it, only logoff minds."""
        return self.change_agent(agent_id, on_call=on_call)

    def log_in(
        self,
        agent_id: int,
        *,
        extension: str | None = None,
        outbound_queue_id: int | None = None,
        at: datetime | None = None,
    ) -> Agent:
        """Open a login at an extension, by default one of the agent's own, now or at the given instant."""
        login = AgentLogin(
            id=next(self._login_ids),
            extension=extension or f"sip/{3000 + agent_id}",
            started_at=at or self.clock(),
        )
        return self.change_agent(agent_id, last_login=login, outbound_queue_id=outbound_queue_id)

    def log_off(self, agent_id: int, *, at: datetime | None = None) -> Agent:
        """Close the open login, and the open pause with it; nothing happens to one who is off."""
        agent = self.unpause(agent_id, at=at)
        if agent.last_login is None or agent.last_login.ended_at is not None:
            return agent
        closed = replace(agent.last_login, ended_at=at or self.clock())
        return self.change_agent(agent_id, last_login=closed, on_call=False, outbound_queue_id=None)

    def pause(self, agent_id: int, pause_id: int, *, at: datetime | None = None) -> Agent:
        """Begin a pause, with the tightest limit that the agent's listing states for it."""
        limits = [
            allowed.limit_seconds
            for allowed in self.allowed_pauses(agent_id)
            if allowed.pause_id == pause_id and allowed.limit_seconds is not None
        ]
        taken = AgentPause(
            id=next(self._taken_ids),
            pause_id=self._pauses[pause_id].id,
            started_at=at or self.clock(),
            max_seconds=min(limits, default=None),
        )
        return self.change_agent(agent_id, current_pause=taken)

    def unpause(self, agent_id: int, *, at: datetime | None = None) -> Agent:
        """End the open pause, which becomes the last one; nothing happens to one who is not paused."""
        agent = self._agents[agent_id]
        if agent.current_pause is None:
            return agent
        ended = replace(agent.current_pause, ended_at=at or self.clock())
        return self.change_agent(agent_id, current_pause=None, last_pause=ended)

    def _put(self, agent: Agent) -> Agent:
        self._agents[agent.id] = agent
        self._rows.pop(agent.id, None)
        return agent


def _digest(password: str, *, salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _PASSWORD_ROUNDS)
