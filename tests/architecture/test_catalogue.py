"""The error catalogue is whole: every code is used, told of, and answered with a status."""

import ast
from pathlib import Path

import pytest

from gateway.domain.errors import ErrorCode, GatewayError, error_classes
from gateway.rest.errors import STATUS_BY_CODE
from gateway.schema.schema import print_sdl

ROOT = Path(__file__).parents[2]


def _names_used() -> set[str]:
    """Every name that the package's modules load, the catalogue's own module left out."""
    names: set[str] = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        if path.match("domain/errors.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
    return names


USED = _names_used()


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.code.value)
def test_every_code_is_used(error: type[GatewayError]) -> None:
    assert error.__name__ in USED


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_is_documented_with_its_status_and_whether_to_try_again(code: ErrorCode) -> None:
    rows = [
        line.split("|")
        for line in (ROOT / "docs/errors.md").read_text().splitlines()
        if f"| `{code.value}` |" in line
    ]
    [row] = rows
    [error] = [one for one in error_classes() if one.code is code]
    told = {"yes": True, "no": False}[row[3].strip()]
    assert (told, int(row[4])) == (error.retryable, STATUS_BY_CODE[code])


def test_the_committed_schema_is_what_the_package_prints() -> None:
    assert (ROOT / "schema.graphql").read_text() == print_sdl()
