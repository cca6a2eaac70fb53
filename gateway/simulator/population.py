"""A Brazilian call centre: names, logins, queues, pauses, and agents in every state."""

import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product

from gateway.simulator.records import Agent, Pause, Queue
from gateway.simulator.world import World

FIRST_NAMES = (
    *("Ana", "João", "Mônica", "José", "Conceição", "Antônio", "Letícia", "Luís", "Patrícia", "Márcio"),
    *("Fernanda", "Caio", "Débora", "Vinícius", "Júlia", "André", "Tânia", "Sebastião", "Inês", "Otávio"),
    *("Camila", "Thiago", "Beatriz", "Rafael", "Larissa", "Gustavo", "Aline", "Rodrigo", "Simone", "Fábio"),
    *("Raíssa", "Cícero", "Verônica", "Murilo", "Estêvão", "Íris", "Nathália", "Érica", "Ubiratã", "Zélia"),
)
LAST_NAMES = (
    *("Souza", "Conceição", "Silva", "Araújo", "Gonçalves", "Magalhães", "Oliveira", "Assunção", "Pereira"),
    *("Brandão", "Ferreira", "Sá", "Nóbrega", "Costa", "Galvão", "Lima", "Falcão", "Ribeiro", "Guimarães"),
    *(
        "Almeida",
        "Simões",
        "Barbosa",
        "Leão",
        "Carvalho",
        "Antunes",
        "Teixeira",
        "Cândido",
        "Rocha",
        "Mourão",
    ),
)
QUEUES = (
    Queue(id=3, name="Suporte N1", slug="suporte_n1", number="3001", public_number="+558433330001"),
    Queue(id=4, name="Cobrança", slug="cobranca", number="3002", public_number="+558433330002"),
    Queue(id=7, name="Suporte N2", slug="suporte_n2", number="3003"),
    Queue(id=9, name="Retenção", slug="retencao", number="3004"),
    Queue(id=13, name="Vendas", slug="vendas", number="3005", public_number="+558433330005"),
    Queue(id=16, name="Ouvidoria", slug="ouvidoria", number="3006"),
    Queue(id=20, name="Pós-venda", slug="pos_venda", number="3007"),
    Queue(id=24, name="Agendamento", slug="agendamento", number="3008"),
    Queue(id=31, name="Campanha de Natal", slug="campanha_de_natal", number="3009", archived=True),
)
HIDDEN_QUEUE_ID = 31
NR17, LUNCH, TOILET, FEEDBACK, TRAINING, MEAL, REGISTRATION, MISSED = 49, 50, 51, 52, 53, 54, 18, 55
PAUSES = (
    Pause(id=REGISTRATION, description="Pausa Cadastro", type="", productive=True),
    Pause(id=NR17, description="NR-17 10 minutos", type="nr17rest10", productive=True),
    Pause(id=LUNCH, description="Almoço", productive=True),
    Pause(id=TOILET, description="Banheiro", type=""),
    Pause(id=FEEDBACK, description="Feedback", productive=True),
    Pause(id=TRAINING, description="Treinamento", productive=True),
    Pause(id=MEAL, description="NR-17 20 minutos", type="nr17meal20"),
    Pause(id=MISSED, description="Chamada não atendida", system=True),
)
LIMITS_SECONDS = {NR17: 600, LUNCH: 3600, TOILET: 300, FEEDBACK: 1800, TRAINING: None, MEAL: 1200}


def populate(world: World, *, agents: int) -> None:
    """Fill an empty world; the first agents take every state in turn, the rest fall at random."""
    for queue in QUEUES:
        world.add_queue(queue)
    for pause in PAUSES:
        world.add_pause(pause)
    _allow_pauses(world)
    now = world.clock()
    for number, name in zip(range(agents), _names(world), strict=False):
        agent = world.add_agent(name, login=_login(world, name=name), queue_ids=_queue_ids(world))
        story = STORIES[number] if number < len(STORIES) else world.random.choices(STORIES, WEIGHTS)[0]
        story(world, agent, now)
    world.shuffle()


def _allow_pauses(world: World) -> None:
    for queue in QUEUES:
        for pause_id, limit_seconds in LIMITS_SECONDS.items():
            in_training = pause_id == TRAINING and not queue.slug.startswith("suporte")
            if not in_training:
                world.allow_pause(
                    pause_id,
                    queue_id=queue.id,
                    limit_seconds=limit_seconds if queue.id != HIDDEN_QUEUE_ID else None,
                    automatic_unpause=pause_id in {NR17, MEAL} and queue.slug == "cobranca",
                    unpause_disabled=pause_id == TRAINING,
                )


def _names(world: World) -> Iterator[str]:
    """Every first name with every last name, shuffled; then with two last names, as often as needed."""
    names = [f"{first} {last}" for first, last in product(FIRST_NAMES, LAST_NAMES)]
    world.random.shuffle(names)
    yield from names
    for middle, name in product(LAST_NAMES, names):
        first, last = name.split()
        yield f"{first} {middle} {last}"


def _login(world: World, *, name: str) -> str:
    first, *_, last = _without_accents(name).lower().split()
    login = f"{first}.{last}"
    number = 2
    while world.login_taken(login):
        login = f"{first}.{last}{number}"
        number += 1
    return login


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _queue_ids(world: World) -> tuple[int, ...]:
    open_ids = [queue.id for queue in QUEUES if not queue.archived]
    return tuple(sorted(world.random.sample(open_ids, k=world.random.choice((1, 1, 2, 2, 3)))))


Story = Callable[[World, Agent, datetime], None]


def _archived(world: World, agent: Agent, now: datetime) -> None:
    _logged_off(world, agent, now - timedelta(days=90))
    world.change_agent(agent.id, archived=True, enabled=False)


def _disabled(world: World, agent: Agent, now: datetime) -> None:
    _logged_off(world, agent, now - timedelta(days=9))
    world.change_agent(agent.id, enabled=False)


def _never_logged_in(world: World, agent: Agent, now: datetime) -> None:
    """A new hire: nothing is known of them but their name and queues."""


def _logged_off(world: World, agent: Agent, now: datetime) -> None:
    at = now - timedelta(minutes=world.random.randint(400, 900))
    world.log_in(agent.id, at=at)
    world.pause(agent.id, REGISTRATION, at=at + timedelta(minutes=5))
    world.log_off(agent.id, at=at + timedelta(minutes=world.random.randint(20, 380)))


def _logged_in(world: World, agent: Agent, now: datetime) -> None:
    at = now - timedelta(minutes=world.random.randint(70, 300))
    outbound = world.random.choice((None, None, *world.agents[agent.id].queue_ids[:1]))
    world.log_in(agent.id, at=at, outbound_queue_id=outbound)
    world.pause(agent.id, world.random.choice((NR17, LUNCH, TOILET)), at=at + timedelta(minutes=10))
    world.unpause(agent.id, at=at + timedelta(minutes=world.random.randint(12, 40)))


def _on_call(world: World, agent: Agent, now: datetime) -> None:
    _logged_in(world, agent, now)
    world.set_on_call(agent.id, True)


def _logged_in_first_time(world: World, agent: Agent, now: datetime) -> None:
    world.log_in(agent.id, at=now - timedelta(minutes=world.random.randint(1, 40)))


def _productive(world: World, agent: Agent, now: datetime) -> None:
    _paused(world, agent, now, pause_id=world.random.choice((FEEDBACK, TRAINING, LUNCH)))


def _non_productive(world: World, agent: Agent, now: datetime) -> None:
    _paused(world, agent, now, pause_id=world.random.choice((TOILET, MEAL)))


def _over_limit(world: World, agent: Agent, now: datetime) -> None:
    _logged_in(world, agent, now)
    world.pause(agent.id, NR17, at=now - timedelta(seconds=world.random.randint(601, 2400)))


def _paused(world: World, agent: Agent, now: datetime, *, pause_id: int) -> None:
    _logged_in(world, agent, now)
    world.pause(agent.id, pause_id, at=now - timedelta(seconds=world.random.randint(5, 290)))


def _in_no_queue(world: World, agent: Agent, now: datetime) -> None:
    world.change_agent(agent.id, queue_ids=())
    _logged_in(world, agent, now)


def _in_hidden_queue(world: World, agent: Agent, now: datetime) -> None:
    world.change_agent(agent.id, queue_ids=(*agent.queue_ids, HIDDEN_QUEUE_ID))
    _logged_in(world, agent, now)


STORIES: tuple[Story, ...] = (
    *(_logged_in, _productive, _non_productive, _over_limit, _logged_off, _never_logged_in, _archived),
    *(_disabled, _in_no_queue, _in_hidden_queue, _on_call, _logged_in_first_time),
)
WEIGHTS = (28, 9, 8, 3, 22, 4, 8, 5, 2, 3, 6, 2)
