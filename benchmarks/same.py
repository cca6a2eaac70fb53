"""Before any load: every server has to give the same answer, or its figures mean nothing."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from benchmarks.load import ask
from benchmarks.peers import Server
from benchmarks.queries import Query

_PASSING: Final = frozenset({"ageSeconds", "stale", "elapsedSeconds", "averagePauseSeconds"})
"""Fields that are another value at another instant."""


class Differs(Exception):
    """Two servers answer the same query differently."""


def answers_of(server: Server, *, queries: Mapping[str, Query]) -> dict[str, bytes]:
    """What it answers to each query, asked twice, so that whatever compiles has compiled."""
    answers = {}
    for label, query in queries.items():
        for _ in range(2):
            answers[label] = asyncio.run(ask(server.address(label), body=query.body(1)))
        if "errors" in msgspec.json.decode(answers[label]):
            raise Differs(f"{label}: {answers[label][:300]!r}")
    return answers


def check_same(ours: Mapping[str, bytes], theirs: Mapping[str, bytes], *, name: str) -> None:
    """`Differs` where the server of this name answers otherwise, but for the form of instants."""
    for label, answer in theirs.items():
        expected, found = (canonical(msgspec.json.decode(each)) for each in (ours[label], answer))
        if expected != found:
            raise Differs(f"{label} by {name}: {answer[:400]!r} is not {ours[label][:400]!r}")


def canonical(value: Any) -> Any:
    """The same for the same answer: instants as instants, what passes with time left out."""
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items() if key not in _PASSING}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, str) and len(value) >= len("2026-03-10T15:00:00Z"):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return value
    return value
