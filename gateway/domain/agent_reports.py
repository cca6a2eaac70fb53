"""Reports of agents by state: counted once per snapshot for whoever asks the same."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agent_states import AgentStateDimension, AgentStateGroup, AgentStateTally
from gateway.domain.agent_tallies import (
    form_companies,
    group_companies,
    order_groups,
    tally,
    tally_companies,
)
from gateway.domain.agents import Agent
from gateway.domain.ids import QueueId
from gateway.domain.listings import Snapshot

MAX_HELD_ROWS: Final = 20_000
"""Rows of all the reports that one snapshot remembers; some 10 MB."""
MANY_AGENTS: Final = 2_000
"""More are counted in steps, with others served between."""


class AgentStateReport(msgspec.Struct, frozen=True):
    """Agents by state, in all and by group, whatever the time."""

    total: AgentStateTally
    groups: tuple[AgentStateGroup, ...]


def report_agent_states(
    agents: Snapshot[Agent], *, chosen: AgentFilter, dimensions: Sequence[AgentStateDimension]
) -> AgentStateReport:
    """Count the chosen agents, in all and by every combination of the dimensions.

    What was counted is remembered with the snapshot; the same dimensions in another order are the same rows.
    """
    by = _each_once(dimensions)
    return _reports_of(agents).get(chosen, by=by) or _Count(agents, chosen=chosen, by=by).finish()


def report_agent_states_in_steps(
    agents: Snapshot[Agent], *, chosen: AgentFilter, dimensions: Sequence[AgentStateDimension]
) -> AgentStateReport | Awaitable[AgentStateReport]:
    """Do as `report_agent_states`; where many are to be counted, give what awaits it, step by step."""
    by = _each_once(dimensions)
    report = _reports_of(agents).get(chosen, by=by)
    if report is not None:
        return report
    if len(agents.rows) <= MANY_AGENTS:
        return _Count(agents, chosen=chosen, by=by).finish()
    return _count_in_steps(agents, chosen=chosen, by=by)


async def count_agent_states(
    agents: Snapshot[Agent], *, chosen: AgentFilter, dimensions: Sequence[AgentStateDimension]
) -> AgentStateReport:
    """Do as `report_agent_states`, in steps where many are to be counted."""
    report = report_agent_states_in_steps(agents, chosen=chosen, dimensions=dimensions)
    return await report if isinstance(report, Awaitable) else report


def queue_tally(agents: Snapshot[Agent], queue_id: QueueId) -> AgentStateTally:
    """The tally of a queue's agents who are not archived; all queues are counted once per snapshot."""
    tallies = agents.derive(_tallies_by_queue, _tallies_by_queue)
    return tallies.get(queue_id) or tally(())


class _Count:
    """The count of a report, in steps that hold the event loop for some milliseconds each.

    It belongs to all who wait for it, on the main event loop or beside it.
    """

    def __init__(
        self, agents: Snapshot[Agent], *, chosen: AgentFilter, by: tuple[AgentStateDimension, ...]
    ) -> None:
        self.asked: _Asked = (chosen, by)
        self._steps = _steps(agents, chosen=chosen, by=by)
        self._lock = threading.Lock()
        self.report: AgentStateReport | None = None

    def go_on(self) -> None:
        """Take the next step, unless somebody in another thread is at it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self.report is None:
                next(self._steps)
        except StopIteration as done:
            if done.value is None:
                raise RuntimeError("the count failed for somebody else who waits for it") from None
            self.report = done.value
        finally:
            self._lock.release()

    def finish(self) -> AgentStateReport:
        """Take all steps."""
        while self.report is None:
            self.go_on()
        return self.report


class _Waiter:
    """Who waits for a count, and in which thread."""

    def __init__(self) -> None:
        self.thread_id = threading.get_ident()


class ReportMemory:
    """Reports by what was asked for, of up to `max_rows` in all; the longest unused go first.

    Filters and so questions are without number, and a report of all dimensions can have a row per agent.
    Costly operations ask from a thread of their own. `under_way` are the counts that somebody waits for.
    """

    def __init__(self, *, max_rows: int = MAX_HELD_ROWS) -> None:
        self._max_rows = max_rows
        self._held: OrderedDict[_Asked, AgentStateReport] = OrderedDict()
        self._lock = threading.Lock()
        self.rows = 0
        self.under_way: dict[_Asked, _Count] = {}
        self._waiting: dict[_Waiter, _Count] = {}

    def join(
        self, agents: Snapshot[Agent], *, chosen: AgentFilter, by: tuple[AgentStateDimension, ...]
    ) -> _Waiter:
        """Wait with the others for a count, which begins with the first; `leave` has to follow."""
        with self._lock:
            count = self.under_way.get((chosen, by))
            if count is None:
                count = self.under_way[chosen, by] = _Count(agents, chosen=chosen, by=by)
            waiter = _Waiter()
            self._waiting[waiter] = count
            return waiter

    def take_step(self, waiter: _Waiter) -> AgentStateReport | None:
        """Have the count go on, and give its report once there is one.

        Of all who wait on one event loop, for whatever count, only the first takes a step: else all steps
        would be taken at once.
        """
        with self._lock:
            count = self._waiting[waiter]
            first = next(each for each in self._waiting if each.thread_id == waiter.thread_id)
        if count.report is None and first is waiter:
            try:
                count.go_on()
            except Exception:
                with self._lock:
                    self._forget(count)
                raise
            return None  # what is made of the report comes in a step of its own
        return count.report

    def leave(self, waiter: _Waiter) -> None:
        """Wait no more; a count for which nobody waits is given up."""
        with self._lock:
            count = self._waiting.pop(waiter)
            if count not in self._waiting.values():
                self._forget(count)

    def _forget(self, count: _Count) -> None:
        if self.under_way.get(count.asked) is count:
            del self.under_way[count.asked]

    def get(self, chosen: AgentFilter, *, by: tuple[AgentStateDimension, ...]) -> AgentStateReport | None:
        """The report, which is then the last used."""
        with self._lock:
            report = self._held.get((chosen, by))
            if report is not None:
                self._held.move_to_end((chosen, by))
            return report

    def put(
        self, report: AgentStateReport, *, chosen: AgentFilter, by: tuple[AgentStateDimension, ...]
    ) -> None:
        """Remember a report that is not; one over the whole bound is not held, one that is held stays."""
        if _weight(report) > self._max_rows:
            return
        with self._lock:
            if (chosen, by) in self._held:
                return
            self._held[chosen, by] = report
            self.rows += _weight(report)
            while self.rows > self._max_rows:
                _, lost = self._held.popitem(last=False)
                self.rows -= _weight(lost)


_Asked = tuple[AgentFilter, tuple[AgentStateDimension, ...]]


async def _count_in_steps(
    agents: Snapshot[Agent], *, chosen: AgentFilter, by: tuple[AgentStateDimension, ...]
) -> AgentStateReport:
    """Count with whoever else waits for the same, one step of all counts in an iteration of the loop."""
    reports = _reports_of(agents)
    waiter = reports.join(agents, chosen=chosen, by=by)
    try:
        while True:
            report = reports.take_step(waiter)
            if report is not None:
                return report
            await asyncio.sleep(0)
    finally:
        reports.leave(waiter)


def _steps(
    agents: Snapshot[Agent], *, chosen: AgentFilter, by: tuple[AgentStateDimension, ...]
) -> Generator[None, None, AgentStateReport]:
    """Count, giving way between steps, and remember the report."""
    reports = _reports_of(agents)
    in_order = tuple(each for each in AgentStateDimension if each in by)
    if in_order == by:
        rows = select_agents(agents, chosen)
        yield
        companies = form_companies(rows)
        yield
        groups = group_companies(companies, dimensions=by)
        total = reports.get(chosen, by=())
        report = AgentStateReport(tally_companies(companies) if total is None else total.total, groups)
    else:
        same = reports.get(chosen, by=in_order) or (yield from _steps(agents, chosen=chosen, by=in_order))
        yield
        report = AgentStateReport(same.total, order_groups(same.groups, dimensions=by))
    reports.put(report, chosen=chosen, by=by)
    return report


def _reports_of(agents: Snapshot[Agent]) -> ReportMemory:
    return agents.derive(ReportMemory, lambda _: ReportMemory())


def _each_once(dimensions: Sequence[AgentStateDimension]) -> tuple[AgentStateDimension, ...]:
    return tuple(dict.fromkeys(dimensions))


def _weight(report: AgentStateReport) -> int:
    return 1 + len(report.groups)


def _tallies_by_queue(agents: Snapshot[Agent]) -> Mapping[QueueId | None, AgentStateTally]:
    report = report_agent_states(agents, chosen=AgentFilter(), dimensions=(AgentStateDimension.QUEUE,))
    return {group.queue_id: group.tally for group in report.groups}
