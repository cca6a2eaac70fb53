"""docs/exports.md: every column with its type, as the files have it."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.domain.agent_states import AgentStateCounts
from gateway.rest.exports.exporting import HEADERS
from gateway.rest.exports.formats import ExportFormat
from gateway.rest.exports.rows import ExportedAgent, ExportedAgentStates
from gateway.rest.exports.tables import columns_of
from gateway.rest.openapi import build_document

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[msgspec.Struct]] = {"agents": ExportedAgent, "agent-states": ExportedAgentStates}


def written(row_type: type[msgspec.Struct]) -> list[str]:
    """The lines that the page has for a type of rows."""
    return [
        f"| `{each.name}` | `{each.type_name}` | {'yes' if each.is_nullable else ''} | {each.description} |"
        for each in columns_of(row_type)
    ]


@pytest.mark.parametrize("name", SECTIONS)
def test_the_page_has_every_column_in_its_order_and_no_other(name: str) -> None:
    section = PAGE.split(f"## Columns of `{name}`\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if re.match(r"\| `", line)]
    assert lines == written(SECTIONS[name])


@pytest.mark.parametrize("name", SECTIONS)
def test_the_document_says_the_same_types(name: str) -> None:
    row_type = SECTIONS[name]
    document = build_document()
    shown = document["components"]["schemas"][row_type.__name__]["properties"]
    types = {column: value["x-arrow-type"] for column, value in shown.items()}
    assert types == {column.name: column.type_name for column in columns_of(row_type)}
    content = document["paths"][f"/exports/{name}"]["get"]["responses"]["200"]["content"]
    assert set(content) == {each.media_type for each in ExportFormat}


def test_counts_are_those_of_the_report() -> None:
    assert set(AgentStateCounts.__struct_fields__) < set(ExportedAgentStates.__struct_fields__)


@pytest.mark.parametrize("told", [*HEADERS, *(each.media_type for each in ExportFormat)])
def test_the_page_tells_of_every_header_and_format(told: str) -> None:
    assert f"`{told}`" in PAGE
