import asyncio
import time

import pytest

from gateway.telemetry.instruments import Metric
from gateway.telemetry.loop_lag import sample_loop_lag
from tests.unit.telemetry.recording import labels, record


async def test_a_blocked_loop_shows_as_lag() -> None:
    sampled: asyncio.Queue[float] = asyncio.Queue()
    task = asyncio.create_task(sample_loop_lag(sampled.put_nowait, interval_seconds=0.01))
    await sampled.get()
    time.sleep(0.2)  # noqa: ASYNC251 - the block to be seen
    assert 0.15 < await sampled.get() < 5
    task.cancel()


async def test_the_lag_is_sampled_while_watched_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = record()
    metrics, sampled, begun = recorded.telemetry.metrics, asyncio.Event(), asyncio.all_tasks()
    keep = metrics.record

    def record_and_tell(metric: Metric, value: float, /, **label_values: str) -> None:
        keep(metric, value, **label_values)
        sampled.set()

    monkeypatch.setattr(metrics, "record", record_and_tell)
    async with recorded.telemetry.watching_loop(interval_seconds=0.001):
        await asyncio.wait_for(sampled.wait(), timeout=10)
    assert asyncio.all_tasks() == begun
    assert recorded.samples("gateway_event_loop_lag_seconds_count")[labels()] >= 1
