from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.simulator.server import RunningSimulator
from tests.unit.simulator.serving import serving, small_world


@pytest.fixture
async def served() -> AsyncIterator[tuple[RunningSimulator, httpx.AsyncClient]]:
    async with serving(small_world()) as pair:
        yield pair


@pytest.fixture
def simulator(served: tuple[RunningSimulator, httpx.AsyncClient]) -> RunningSimulator:
    return served[0]


@pytest.fixture
def client(served: tuple[RunningSimulator, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]
