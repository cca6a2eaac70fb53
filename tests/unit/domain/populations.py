"""Random populations from a pool where everything an agent can be meets names that collide."""

import random
from datetime import timedelta

from hypothesis import strategies as st

from gateway.domain.agents import Agent
from gateway.domain.ids import QueueId
from gateway.domain.pauses import AgentPause
from tests.builders import NOON, a_login, a_pause, an_agent, an_agent_pause

NAMES = ("João Conceição", "JOAO conceicao", "Ana Lúcia", "ana lucia", "Zé", "Ωμέγα", "", "O'Neil")
QUEUE_IDS = tuple(QueueId(each) for each in range(1, 5))
PAUSES = (
    a_pause(18, productive=True),
    a_pause(49, type="nr17rest10"),
    a_pause(50, productive=True),
    a_pause(51, type="nr17rest10", productive=True),
)


def _a_running_pause(choice: random.Random) -> AgentPause:
    pause = choice.choice([None, *PAUSES])
    return an_agent_pause(
        pause,
        known=pause is not None,
        started_at=NOON - timedelta(seconds=choice.choice([-5, 0, 4, 5, 5.5, 6, 600, 601, 2000])),
        max_duration_seconds=choice.choice([None, 0, 5, 600]),
    )


def _somebody(choice: random.Random) -> Agent:
    instants = [NOON - timedelta(minutes=each) for each in range(4)]
    login = a_login(started_at=choice.choice(instants), ended_at=choice.choice([None, None, *instants]))
    return an_agent(
        choice.randint(1, 30),
        name=choice.choice(NAMES),
        login=choice.choice(["ana.1", "Ana.1", "joão", "z"]),
        enabled=choice.random() < 0.8,
        archived=choice.random() < 0.25,
        extension=choice.choice([None, "sip/1"]),
        queue_ids=tuple(choice.sample(QUEUE_IDS, choice.randint(0, 3))),
        current_pause=choice.choice([None, _a_running_pause(choice)]),
        last_login=choice.choice([None, login, login]),
    )


POOL = [_somebody(random.Random(seed)) for seed in range(600)]  # noqa: S311 - people to test with


def populations(*, max_size: int = 12) -> st.SearchStrategy[list[Agent]]:
    return st.lists(st.sampled_from(POOL), unique_by=lambda agent: agent.id, max_size=max_size)
