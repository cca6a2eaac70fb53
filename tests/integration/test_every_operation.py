"""Every example of Evolux's page through GraphQL over real HTTP: each success, each refusal by its code."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.simulator.records import Pause, Queue
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.served import Served, serving, token_of

AGENT = (
    "id name login enabled archived state stateSince extension queues { id name } "
    "currentPause { pause { id } }"
)
LOGGED_IN, LOGGED_OFF, PAUSED, ON_CALL, ARCHIVED = "1", "2", "3", "4", "5"


@pytest.fixture
def world() -> World:
    world = World(token=token_of("acme"))
    world.add_queue(Queue(id=1, name="Cobrança", slug="cobranca", number="3001"))
    world.add_queue(Queue(id=3, name="Suporte", slug="suporte", number="3003"))
    world.add_queue(Queue(id=9, name="Antiga", slug="antiga", number="3009", archived=True))
    world.add_pause(Pause(id=49, description="10 minutos/NR17", type="nr17rest10", productive=True))
    world.add_pause(Pause(id=50, description="Almoço", productive=True))
    world.allow_pause(49, queue_id=1, limit_seconds=600)
    world.allow_pause(50, queue_id=1, limit_seconds=3600)
    world.allow_pause(50, queue_id=3, limit_seconds=1800)
    for name in ("Maria da Conceição", "João Antônio", "Zélia", "Ana"):
        world.add_agent(
            name, login=name.split()[0].lower(), queue_ids=(1, 3), password="planted-password-antigo"
        )
    world.add_agent("Velho", login="velho", archived=True, queue_ids=(9,))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    for agent_id in (1, 3, 4):
        world.log_in(agent_id, at=hour_ago)
    world.pause(3, 50, at=hour_ago + timedelta(minutes=30))
    world.set_on_call(4, True)
    return world


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    async with serving(world) as (served, simulators):
        yield served, simulators["acme"]


@pytest.fixture
def served(both: tuple[Served, RunningSimulator]) -> Served:
    return both[0]


@pytest.fixture
def simulator(both: tuple[Served, RunningSimulator]) -> RunningSimulator:
    return both[1]


async def test_agents_are_listed_without_the_archived(served: Served) -> None:
    data = await served.ask(
        f"{{ agents {{ nodes {{ {AGENT} }} totalCount freshness {{ stale complete }} }} }}"
    )
    assert data["agents"]["totalCount"] == 4
    assert data["agents"]["freshness"] == {"stale": False, "complete": True}
    states = {node["name"]: node["state"] for node in data["agents"]["nodes"]}
    assert states == {
        "Maria da Conceição": "LOGGED_IN",
        "João Antônio": "LOGGED_OUT",
        "Zélia": "PAUSED",
        "Ana": "LOGGED_IN",
    }
    maria = data["agents"]["nodes"][0]
    assert maria["queues"] == [{"id": "1", "name": "Cobrança"}, {"id": "3", "name": "Suporte"}]
    assert maria["extension"] == "sip/3001"


async def test_archived_agents_are_shown_where_asked_for(served: Served) -> None:
    data = await served.ask(
        "{ agents(filter: {archived: true}) { nodes { name state queues { id name } } } }"
    )
    assert data["agents"]["nodes"] == [
        {"name": "Velho", "state": "INACTIVE", "queues": [{"id": "9", "name": None}]}
    ]


async def test_search_ignores_case_and_accents(served: Served) -> None:
    for search in ("conceicao", "CONCEIÇÃO", "maria conceicao"):
        data = await served.ask(
            "query($s: String) { agents(filter: {search: $s}) { nodes { id } } }", s=search
        )
        assert data["agents"]["nodes"] == [{"id": "1"}]


async def test_an_agent_is_created_as_evolux_answers(served: Served, world: World) -> None:
    data = await served.ask(
        f"""mutation {{ createAgent(input: {{name: "Agent 1", login: "agent.1", password: "planted-password",
        queueIds: ["1", "3"]}}) {{ agent {{ {AGENT} }} errors {{ code }} }} }}"""
    )
    created = data["createAgent"]["agent"]
    assert data["createAgent"]["errors"] == []
    assert (created["login"], created["state"], created["enabled"]) == ("agent.1", "LOGGED_OUT", True)
    assert world.password_is(int(created["id"]), password="planted-password")
    found = await served.ask('{ agentByLogin(login: "agent.1") { id } }')
    assert found == {"agentByLogin": {"id": created["id"]}}


async def test_a_taken_login_has_its_own_code(served: Served, simulator: RunningSimulator) -> None:
    await served.ask("{ agents { totalCount } }")
    walks = simulator.requests.count("/api/v1/agents", method="GET")
    data = await served.ask(
        """mutation { createAgent(input: {name: "Outra", login: "maria", password: "x1", queueIds: []})
        { agent { id } errors { code message field retryable } } }"""
    )
    assert data["createAgent"]["agent"] is None
    [error] = data["createAgent"]["errors"]
    assert (error["code"], error["field"], error["retryable"]) == ("LOGIN_TAKEN", ["input", "login"], False)
    assert (await served.ask("{ agents { totalCount } }"))["agents"]["totalCount"] == 4
    assert simulator.requests.count("/api/v1/agents", method="GET") == walks


async def test_only_given_fields_are_sent_by_an_update(served: Served, world: World) -> None:
    data = await served.ask(
        """mutation { updateAgent(input: {id: "1", levels: [{queueId: "1", priority: 3}]})
        { agent { name queues { id } } errors { code } } }"""
    )
    assert data["updateAgent"] == {
        "agent": {"name": "Maria da Conceição", "queues": [{"id": "1"}, {"id": "3"}]},
        "errors": [],
    }
    assert world.agents[1].levels == ((1, 3),)
    assert world.password_is(1, password="planted-password-antigo")
    await served.ask('mutation { updateAgent(input: {id: "1", name: "Maria"}) { errors { code } } }')
    assert (world.agents[1].name, world.agents[1].queue_ids) == ("Maria", (1, 3))
    assert await served.ask('{ agent(id: "1") { name } }') == {"agent": {"name": "Maria"}}


async def test_a_blank_password_is_refused_with_its_field(served: Served, world: World) -> None:
    data = await served.ask(
        'mutation { updateAgent(input: {id: "1", password: "  "}) { errors { code field message } } }'
    )
    [error] = data["updateAgent"]["errors"]
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["input", "password"])
    assert world.password_is(1, password="planted-password-antigo")


async def test_allowed_pauses_are_listed_per_queue(served: Served) -> None:
    data = await served.ask(
        """{ agent(id: "1") { allowedPauses { pause { id description type } queue { name }
        limitDurationSeconds automaticUnpause unpauseDisabled } } }"""
    )
    rows = data["agent"]["allowedPauses"]
    assert [(row["pause"]["id"], row["queue"]["name"], row["limitDurationSeconds"]) for row in rows] == [
        ("49", "Cobrança", 600),
        ("50", "Cobrança", 3600),
        ("50", "Suporte", 1800),
    ]
    assert rows[0]["pause"] == {"id": "49", "description": "10 minutos/NR17", "type": "nr17rest10"}


async def test_an_agent_is_paused_unpaused_and_logged_off(served: Served, world: World) -> None:
    pause = 'mutation { pauseAgent(input: {agentId: "1", pauseId: "49"}) { agent { %s } errors { code } } }'
    data = await served.ask(pause % AGENT)
    assert data["pauseAgent"]["errors"] == []
    assert data["pauseAgent"]["agent"]["state"] == "PAUSED"
    assert data["pauseAgent"]["agent"]["currentPause"] == {"pause": {"id": "49"}}
    assert (await served.ask('{ agent(id: "1") { state } }'))["agent"]["state"] == "PAUSED"

    data = await served.ask(
        """mutation { unpauseAgent(input: {agentId: "1"})
        { agent { state lastPause { endedAt } } errors { code } } }"""
    )
    assert data["unpauseAgent"]["agent"]["state"] == "LOGGED_IN"
    assert data["unpauseAgent"]["agent"]["lastPause"]["endedAt"] is not None

    data = await served.ask(
        'mutation { logoffAgent(input: {agentId: "1"}) { agent { state } errors { code } } }'
    )
    assert data["logoffAgent"] == {"agent": {"state": "LOGGED_OUT"}, "errors": []}
    assert not world.agents[1].logged_in


@pytest.mark.parametrize(
    ("mutation", "code"),
    [
        ('pauseAgent(input: {agentId: "3", pauseId: "49"})', "AGENT_ALREADY_PAUSED"),
        ('pauseAgent(input: {agentId: "999", pauseId: "49"})', "AGENT_NOT_FOUND"),
        ('pauseAgent(input: {agentId: "1", pauseId: "777"})', "PAUSE_NOT_FOUND"),
        ('pauseAgent(input: {agentId: "2", pauseId: "49"})', "AGENT_NOT_LOGGED_IN"),
        ('unpauseAgent(input: {agentId: "1"})', "AGENT_NOT_PAUSED"),
        ('unpauseAgent(input: {agentId: "999"})', "AGENT_NOT_FOUND"),
        ('logoffAgent(input: {agentId: "2"})', "AGENT_NOT_LOGGED_IN"),
        ('logoffAgent(input: {agentId: "4"})', "AGENT_ON_CALL"),
        ('logoffAgent(input: {agentId: "999"})', "AGENT_NOT_FOUND"),
        ('updateAgent(input: {id: "999", name: "X"})', "AGENT_NOT_FOUND"),
        ('pauseAgent(input: {agentId: "../1", pauseId: "49"})', "BAD_USER_INPUT"),
        ('createAgent(input: {name: " ", login: "l", password: "p", queueIds: []})', "BAD_USER_INPUT"),
        ('createAgent(input: {name: "N", login: "l", password: "p", queueIds: ["a"]})', "BAD_USER_INPUT"),
    ],
)
async def test_each_refusal_has_its_code_in_the_payload_or_as_an_error(
    served: Served, world: World, mutation: str, code: str
) -> None:
    before = dict(world.agents)
    [name] = (await served.ask(f"mutation {{ {mutation} {{ errors {{ code }} }} }}")).items()
    assert name[1]["errors"] == [{"code": code}]
    error = await served.fail(f"mutation {{ {mutation} {{ agent {{ id }} }} }}")
    assert error["extensions"]["code"] == code
    assert error["path"] == [name[0]]
    assert dict(world.agents) == before


async def test_queues_know_their_agents_and_states(served: Served) -> None:
    data = await served.ask(
        """{ queues { id name slug number agents { totalCount }
        agentStates { agents paused loggedIn loggedOut } } }"""
    )
    assert data["queues"] == [
        {
            "id": queue_id,
            "name": name,
            "slug": slug,
            "number": number,
            "agents": {"totalCount": 4},
            "agentStates": {"agents": 4, "paused": 1, "loggedIn": 2, "loggedOut": 1},
        }
        for queue_id, name, slug, number in (
            ("1", "Cobrança", "cobranca", "3001"),
            ("3", "Suporte", "suporte", "3003"),
        )
    ]


async def test_the_pause_catalogue_is_gathered_from_few_agents(
    served: Served, simulator: RunningSimulator
) -> None:
    data = await served.ask("{ pauses { id description } }")
    assert data["pauses"] == [
        {"id": "49", "description": "10 minutos/NR17"},
        {"id": "50", "description": "Almoço"},
    ]
    asked = [seen.path for seen in simulator.requests if seen.path.endswith("/pauses")]
    assert len(asked) == 2  # one agent covers queues 1 and 3, the archived one queue 9


async def test_the_viewer_is_the_caller(served: Served) -> None:
    data = await served.ask("{ viewer { name tenant scopes } }")
    assert data == {"viewer": {"name": "board", "tenant": "acme", "scopes": ["agents:read", "agents:write"]}}


async def test_what_does_not_exist_is_null_with_a_reason(served: Served) -> None:
    answer = (await served.post('{ agent(id: "999") { id } queue(id: "999") { id } }')).json()
    assert answer["data"] == {"agent": None, "queue": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["agent"], "AGENT_NOT_FOUND"),
        (["queue"], "QUEUE_NOT_FOUND"),
    ]


async def test_no_log_line_carries_a_password_a_key_or_a_token(served: Served) -> None:
    await served.ask(
        """mutation {
          createAgent(input: {name: "N", login: "l", password: "planted-password", queueIds: ["1"]}) {
            errors { code }
          }
        }"""
    )
    await served.post('{ agent(id: "1") { id } }', key="wrong-planted-key")
    logged = served.logs.getvalue()
    assert "http.access" in logged
    for secret in ("planted-password", "planted-key", token_of("acme")):
        assert secret not in logged
