"""Random populations: every combination of what an agent can be, with names that collide and fold."""

from datetime import timedelta

from hypothesis import strategies as st

from gateway.domain.agents import Agent
from gateway.domain.ids import QueueId
from gateway.domain.pauses import AgentPause, Pause
from tests.builders import NOON, a_login, a_pause, an_agent, an_agent_pause

NAMES = ("João Conceição", "JOAO conceicao", "Ana Lúcia", "ana lucia", "Zé", "Ωμέγα", "", "O'Neil")
QUEUE_IDS = tuple(QueueId(each) for each in range(1, 5))
PAUSES = (
    a_pause(18, productive=True),
    a_pause(49, type="nr17rest10"),
    a_pause(50, productive=True),
    a_pause(51, type="nr17rest10", productive=True),
)


@st.composite
def running_pauses(draw: st.DrawFn) -> AgentPause:
    pause: Pause | None = draw(st.none() | st.sampled_from(PAUSES))
    seconds = draw(st.integers(-5, 2000))
    return an_agent_pause(
        pause,
        known=pause is not None,
        started_at=NOON - timedelta(seconds=seconds),
        max_duration_seconds=draw(st.sampled_from([None, 0, 5, 600])),
    )


@st.composite
def agents(draw: st.DrawFn, *, id: int) -> Agent:  # noqa: A002 - ids are called id
    minutes = st.integers(0, 3).map(lambda each: NOON - timedelta(minutes=each))
    logins = st.builds(lambda at, end: a_login(started_at=at, ended_at=end), minutes, st.none() | minutes)
    return an_agent(
        id,
        name=draw(st.sampled_from(NAMES)),
        login=draw(st.sampled_from(["ana.1", "Ana.1", "joão", "z"])),
        enabled=draw(st.sampled_from([True, True, False])),
        archived=draw(st.sampled_from([False, False, True])),
        extension=draw(st.sampled_from([None, "sip/1"])),
        queue_ids=tuple(draw(st.lists(st.sampled_from(QUEUE_IDS), max_size=3, unique=True))),
        current_pause=draw(st.none() | running_pauses()),
        last_login=draw(st.none() | logins),
    )


@st.composite
def populations(draw: st.DrawFn, *, max_size: int = 12) -> list[Agent]:
    ids = draw(st.lists(st.integers(1, 30), unique=True, max_size=max_size))
    return [draw(agents(id=each)) for each in ids]
