from datetime import timedelta

import msgspec
import pytest

from gateway.simulator.rows import WireForm
from tests.unit.simulator.serving import NOON, TOKEN, Clock, small_world


def test_the_clock_that_came_in_dates_everything() -> None:
    world = small_world()
    assert isinstance(world.clock, Clock)
    world.log_in(1)
    world.clock.advance(60)
    world.pause(1, 49)
    world.clock.advance(30)
    agent = world.log_off(1)
    assert agent.last_login is not None
    assert agent.last_pause is not None
    assert (agent.last_login.started_at, agent.last_login.ended_at) == (NOON, NOON + timedelta(seconds=90))
    assert agent.last_pause.started_at == NOON + timedelta(seconds=60)
    assert agent.last_pause.ended_at == NOON + timedelta(seconds=90)
    assert agent.current_pause is None


def test_a_row_is_encoded_once_per_change() -> None:
    world = small_world()
    first = world.row(1)
    assert world.row(1) is first
    world.rename_agent(2, name="Other")
    assert world.row(1) is first
    world.rename_agent(1, name="Conceição")
    assert msgspec.json.decode(world.row(1))["name"] == "Conceição"


def test_every_row_follows_the_catalogue_and_the_wire_form() -> None:
    world = small_world()
    world.log_in(1, extension="sip/1", outbound_queue_id=1)
    world.row(1)
    world.form = WireForm(outbound_queue="object")
    assert msgspec.json.decode(world.row(1))["current_outbound_queue"] == {"id": 1, "name": "Cobrança"}
    world.rename_queue(1, name="Vendas")
    assert msgspec.json.decode(world.row(1))["current_outbound_queue"] == {"id": 1, "name": "Vendas"}


def test_logging_off_takes_an_agent_off_their_call_and_out_of_the_outbound_queue() -> None:
    world = small_world()
    world.log_in(1, outbound_queue_id=1)
    world.set_on_call(1, True)
    agent = world.log_off(1)
    assert (agent.on_call, agent.outbound_queue_id, agent.logged_in) == (False, None, False)


def test_unpausing_and_logging_off_leave_those_alone_who_need_it_not() -> None:
    world = small_world()
    before = world.agents[1]
    assert world.unpause(1) is before
    assert world.log_off(1) is before


def test_no_two_agents_share_a_login() -> None:
    world = small_world()
    with pytest.raises(ValueError, match="taken"):
        world.add_agent("Other", login="AGENT.1")
    assert len(world.listing) == 3
    world.remove_agent(1)
    assert world.add_agent("Other", login="agent.1").id == 4
    assert world.listing == [2, 3, 4]


def test_passwords_and_the_token_never_show() -> None:
    world = small_world()
    agent = world.add_agent("A", login="a", password="clear-text")
    assert world.password_is(agent.id, password="clear-text")
    assert not world.password_is(agent.id, password="other")
    assert not world.password_is(1, password="")
    shown = f"{world!r}{agent!r}{world.row(agent.id)!r}{vars(world)!r}"
    assert "clear-text" not in shown
    assert TOKEN not in repr(world)


def test_an_archived_queue_stays_in_its_agents_rows() -> None:
    world = small_world()
    world.archive_queue(1)
    assert msgspec.json.decode(world.row(1))["queues"] == [1]
    assert world.queues[1].archived


def test_another_order_has_the_same_agents() -> None:
    world = small_world(agents=40)
    before = list(world.listing)
    world.shuffle()
    assert world.listing != before
    assert sorted(world.listing) == before
