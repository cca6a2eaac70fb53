from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.unit.simulator.serving import serving, small_world


@pytest.fixture
def world() -> World:
    return small_world()


@pytest.fixture
async def served(world: World) -> AsyncIterator[tuple[RunningSimulator, httpx.AsyncClient]]:
    async with serving(world) as pair:
        yield pair


@pytest.fixture
def simulator(served: tuple[RunningSimulator, httpx.AsyncClient]) -> RunningSimulator:
    return served[0]


@pytest.fixture
def client(served: tuple[RunningSimulator, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]
