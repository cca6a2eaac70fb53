import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gateway.cache.generations import LocalGenerations, WorkerGenerations

WORKERS = 3
ADVANCES = 2_000


@pytest.fixture
def shared_file() -> Iterator[Path]:
    path = WorkerGenerations.create_file()
    yield path
    path.unlink()


def advance_often(path: Path, together: Barrier) -> None:
    generations = WorkerGenerations(path)
    together.wait()
    before = 0
    for _ in range(ADVANCES):
        number = generations.advance("acme/agents")
        assert number > before
        before = number
    generations.close()


def test_local_numbers_grow_one_by_one_and_apart() -> None:
    generations = LocalGenerations()
    assert [generations.advance("acme/agents") for _ in range(3)] == [1, 2, 3]
    assert generations.current("acme/agents") == 3
    assert generations.current("acme/queues") == 0
    assert generations.current("other/agents") == 0


def test_another_worker_sees_an_advance_at_once(shared_file: Path) -> None:
    one, other = WorkerGenerations(shared_file), WorkerGenerations(shared_file)
    assert one.advance("acme/agents") == 1
    assert other.current("acme/agents") == 1
    assert other.advance("acme/agents") == 2
    assert one.current("acme/agents") == 2
    assert one.current("other/agents") == 0
    one.close()
    other.close()


def test_advances_of_several_processes_are_all_counted_and_never_seen_torn(shared_file: Path) -> None:
    """A number written byte by byte would be seen going back at each carry: from 255 by 0 to 256."""
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(WORKERS + 1)
    workers = [spawn.Process(target=advance_often, args=(shared_file, together)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    watching = WorkerGenerations(shared_file)
    together.wait()
    seen, backwards = 0, 0
    while seen < WORKERS * ADVANCES and any(worker.is_alive() for worker in workers):
        number = watching.current("acme/agents")
        backwards += number < seen
        seen = number
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert watching.current("acme/agents") == WORKERS * ADVANCES
    assert backwards == 0
    watching.close()


def test_names_that_share_a_slot_only_advance_together(shared_file: Path) -> None:
    generations = WorkerGenerations(shared_file)
    numbers = {}
    for each in range(10_000):
        generations.advance(f"tenant-{each}/agents")
    for each in range(10_000):
        numbers[each] = generations.current(f"tenant-{each}/agents")
    assert min(numbers.values()) == 1
    assert max(numbers.values()) > 1
    generations.close()
