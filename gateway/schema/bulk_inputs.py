"""Inputs of writes to many agents, and how they are read."""

import strawberry
from strawberry import UNSET

from gateway.domain.bulk import BulkPlan, QueueAssignment, Selection
from gateway.domain.given import read_ids
from gateway.domain.ids import AgentId
from gateway.schema.agent_inputs import AgentFilter, read_filter
from gateway.schema.enums import describe_enum
from gateway.schema.mutation_inputs import Ensuring, Expected, expectation
from gateway.schema.scalars import stated

describe_enum(
    QueueAssignment,
    description="What is done with the queues given.",
    values={
        QueueAssignment.REPLACE: "They take the place of those that the agent serves.",
        QueueAssignment.ADD: "The agent serves them besides, by the queues that a fresh listing shows.",
        QueueAssignment.REMOVE: "The agent serves them no more, by the queues that a fresh listing shows.",
    },
)


@strawberry.input
class Choosing:
    """Whom a write to many is about."""

    agent_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET,
        description="These agents, in this order, each once; at most 500. Give this or filter, not both.",
    )
    filter: AgentFilter | None = strawberry.field(
        default=UNSET,
        description=(
            "The agents whom this chooses from a listing read for this, by id; more than 500 are refused and "
            "nothing is written. Archived agents are left out unless asked for."
        ),
    )
    dry_run: bool = strawberry.field(
        default=False,
        description="Write nothing: say whom it would be about, and what is refused beforehand.",
    )


@strawberry.input(description="Agents to put into a pause.")
class PauseAgentsInput(Choosing, Expected, Ensuring):
    """Who pauses, and why."""

    pause_id: strawberry.ID = strawberry.field(description="The id of a Pause of the catalogue, for all.")


@strawberry.input(description="Agents whose pauses are to end.")
class UnpauseAgentsInput(Choosing, Expected, Ensuring):
    """Whose pauses end."""


@strawberry.input(description="Agents to log off.")
class LogoffAgentsInput(Choosing, Expected, Ensuring):
    """Who is logged off."""


@strawberry.input(description="Agents to assign queues to.")
class AssignQueuesInput(Choosing, Expected):
    """Who serves which queues."""

    queue_ids: list[strawberry.ID] = strawberry.field(description="The queues; empty with REPLACE for none.")
    how: QueueAssignment = strawberry.field(
        default=QueueAssignment.REPLACE, description="What is done with these queues."
    )


def read_plan(given: Choosing) -> BulkPlan:
    """Read how a write to many is carried out; `BadUserInput` names what cannot be."""
    ids, chosen = stated(given.agent_ids), stated(given.filter)
    selection = Selection(
        ids=None if ids is None else read_ids(ids, of=AgentId, field=("agentIds",)),
        chosen=None if chosen is None else read_filter(chosen),
    )
    return BulkPlan(
        selection=selection,
        ensure=isinstance(given, Ensuring) and given.ensure,
        expected=expectation(given)
        if isinstance(given, Expected)
        else BulkPlan(selection=selection).expected,
        dry_run=given.dry_run,
    )
