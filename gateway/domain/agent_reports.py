"""Reports of agents by state: counted once per snapshot for whoever asks the same."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
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
    by = tuple(dict.fromkeys(dimensions))
    reports = agents.derive(ReportMemory, lambda _: ReportMemory())
    report = reports.get(chosen, by=by)
    if report is None:
        report = _report(agents, chosen=chosen, by=by, reports=reports)
        reports.put(report, chosen=chosen, by=by)
    return report


def queue_tally(agents: Snapshot[Agent], queue_id: QueueId) -> AgentStateTally:
    """The tally of a queue's agents who are not archived; all queues are counted once per snapshot."""
    tallies = agents.derive(_tallies_by_queue, _tallies_by_queue)
    return tallies.get(queue_id) or tally(())


class ReportMemory:
    """Reports by what was asked for, of up to `max_rows` in all; the longest unused go first.

    Filters and so questions are without number, and a report of all dimensions can have a row per agent.
    Costly operations ask from a thread of their own.
    """

    def __init__(self, *, max_rows: int = MAX_HELD_ROWS) -> None:
        self._max_rows = max_rows
        self._held: OrderedDict[_Asked, AgentStateReport] = OrderedDict()
        self._lock = threading.Lock()
        self.rows = 0

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


def _report(
    agents: Snapshot[Agent],
    *,
    chosen: AgentFilter,
    by: tuple[AgentStateDimension, ...],
    reports: ReportMemory,
) -> AgentStateReport:
    in_order = tuple(each for each in AgentStateDimension if each in by)
    if in_order != by:
        same = report_agent_states(agents, chosen=chosen, dimensions=in_order)
        return AgentStateReport(same.total, order_groups(same.groups, dimensions=by))
    companies = form_companies(select_agents(agents, chosen))
    groups = group_companies(companies, dimensions=by)
    total = reports.get(chosen, by=())
    return AgentStateReport(tally_companies(companies) if total is None else total.total, groups)


def _weight(report: AgentStateReport) -> int:
    return 1 + len(report.groups)


def _tallies_by_queue(agents: Snapshot[Agent]) -> Mapping[QueueId | None, AgentStateTally]:
    report = report_agent_states(agents, chosen=AgentFilter(), dimensions=(AgentStateDimension.QUEUE,))
    return {group.queue_id: group.tally for group in report.groups}
