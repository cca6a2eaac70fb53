"""Exports over sockets: one snapshot as CSV, NDJSON, Arrow and Parquet, and what their headers say of it."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from arro3.io import read_ipc_stream, read_parquet

from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.integration.test_rest import PROBLEM, ask
from tests.served import KEY, Plan, Served, serving, token_of

TYPES = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
Row = dict[str, Any]


@pytest.fixture
def world() -> World:
    return a_world(agents=12)


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        yield served, simulators["acme"]


@pytest.fixture
def served(both: tuple[Served, RunningSimulator]) -> Served:
    return both[0]


def rows_of(answer: httpx.Response) -> list[Row]:
    """The rows of a binary file or of lines of JSON."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == TYPES["ndjson"]:
        return [json.loads(line) for line in answer.text.splitlines()]
    read = read_ipc_stream if kind == TYPES["arrow"] else read_parquet
    table = read(io.BytesIO(answer.content)).read_all()
    columns = {name: [value.as_py() for value in iter(table.column(name))] for name in table.column_names}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_json(row: Row) -> Row:
    """A row of Arrow's values as JSON has them."""
    return {
        name: value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }


async def test_every_format_holds_the_agents_that_rest_lists(served: Served, world: World) -> None:
    world.pause(2, 49)
    listed = (await ask(served, "GET", "/agents?first=500")).json()["agents"]
    lines = rows_of(await ask(served, "GET", "/exports/agents?format=ndjson"))
    assert [(row["id"], row["name"], row["state"], row["state_since"]) for row in lines] == [
        (int(agent["id"]), agent["name"], agent["state"], agent["stateSince"]) for agent in listed
    ]
    assert [row["queue_names"] for row in lines] == [
        [queue["name"] for queue in each["queues"]] for each in listed
    ]
    assert lines[1]["current_pause_pause_id"] == 49
    for name in ("arrow", "parquet"):
        answer = await ask(served, "GET", f"/exports/agents?format={name}")
        assert [as_json(row) for row in rows_of(answer)] == lines
    table = csv.DictReader(io.StringIO((await ask(served, "GET", "/exports/agents?format=csv")).text))
    for cells, line in zip(table, lines, strict=True):
        assert (cells["id"], cells["name"], cells["state"]) == (str(line["id"]), line["name"], line["state"])
        assert json.loads(cells["queue_ids"]) == line["queue_ids"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "csv"),
        ("*/*", "csv"),
        ("text/*;q=0.4, application/vnd.apache.parquet;q=0.5", "parquet"),
        ("application/*", "ndjson"),
        ("application/vnd.apache.arrow.stream, text/csv;q=0.9", "arrow"),
        ("application/json, */*;q=0.1, text/csv;q=0", "ndjson"),
    ],
)
async def test_the_format_is_what_accept_wants_most(served: Served, accept: str | None, kind: str) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = await ask(served, "GET", "/exports/agents", headers=headers)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, TYPES[kind])
    assert f".{kind}" in answer.headers["content-disposition"]
    assert "Accept" in answer.headers["vary"]


async def test_a_format_that_is_named_needs_no_accept_and_one_that_is_none_is_refused(served: Served) -> None:
    named = await ask(served, "GET", "/exports/agents?format=arrow", headers={"Accept": "application/json"})
    assert named.headers["content-type"] == TYPES["arrow"]
    refused = await ask(
        served, "GET", "/exports/agents", headers={"Accept": "application/json, text/csv;q=0"}
    )
    assert (refused.status_code, refused.headers["content-type"]) == (406, PROBLEM)
    unknown = await ask(served, "GET", "/exports/agents?format=xlsx")
    assert (unknown.status_code, unknown.json()["field"]) == (400, ["format"])


async def test_a_file_says_of_which_snapshot_it_is(served: Served) -> None:
    answer = await ask(served, "GET", "/exports/agents?format=parquet&states=LOGGED_OUT")
    told = dict(read_parquet(io.BytesIO(answer.content)).schema.metadata)
    known = {name.decode(): value.decode() for name, value in told.items()}
    fetched_at, version = answer.headers["snapshot-fetched-at"], answer.headers["snapshot-version"]
    assert known | {"queues_version": ""} == {
        "table": "agents",
        "tenant": "acme",
        "queues_version": "",
        "fetched_at": fetched_at,
        "version": version,
        "complete": "true",
        "rows": str(len(rows_of(answer))),
    }
    assert (answer.headers["snapshot-complete"], answer.headers["export-rows"]) == ("true", known["rows"])
    stamp = datetime.fromisoformat(fetched_at).strftime("%Y%m%dT%H%M%SZ")
    assert answer.headers["content-disposition"] == f'attachment; filename="agents-acme-{stamp}.parquet"'
    assert (answer.headers["age"], answer.headers["cache-control"]) == ("0", "private, no-cache")
    stream = await ask(served, "GET", "/exports/agents?format=arrow&states=LOGGED_OUT")
    assert dict(read_ipc_stream(io.BytesIO(stream.content)).schema.metadata) == told


async def test_a_file_that_is_held_is_not_sent_again(served: Served) -> None:
    first = await ask(served, "GET", "/exports/agents?format=csv")
    etag = first.headers["etag"]
    assert etag.startswith('W/"')
    again = await ask(served, "GET", "/exports/agents?format=csv", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await ask(
        served, "GET", "/exports/agents", headers={"If-None-Match": etag, "Accept": TYPES["ndjson"]}
    )
    assert other.status_code == 200
    states = await ask(served, "GET", "/exports/agent-states")
    assert "etag" not in states.headers


async def test_head_tells_all_but_the_file(both: tuple[Served, RunningSimulator]) -> None:
    served, _ = both
    whole = await ask(served, "GET", "/exports/agents?format=arrow")
    head = await ask(served, "HEAD", "/exports/agents?format=arrow")
    assert (head.status_code, head.content) == (200, b"")
    told = {"snapshot-version", "export-rows", "content-type", "content-disposition", "etag"}
    assert {name: head.headers[name] for name in told} == {name: whole.headers[name] for name in told}


async def test_states_are_those_that_rest_counts_with_the_total_first(served: Served, world: World) -> None:
    world.pause(2, 49)
    report = (await ask(served, "GET", "/agent-states?groupBy=QUEUE&groupBy=STATE")).json()
    query = "/exports/agent-states?groupBy=QUEUE&groupBy=STATE"
    answer = await ask(served, "GET", f"{query}&format=parquet")
    total, *groups = rows_of(answer)
    assert [total["is_total"], total["agents"], total["paused"], total["queue_id"]] == [True, 12, 1, None]
    assert [(row["queue_id"], row["queue_name"], row["state"], row["agents"]) for row in groups] == [
        (
            group["queue"] and int(group["queue"]["id"]),
            group["queue"] and group["queue"]["name"],
            group["state"],
            group["counts"]["agents"],
        )
        for group in report["groups"]
    ]
    assert {row["is_total"] for row in groups} == {False}
    assert {row["longest_pause_seconds"] for row in groups if row["state"] != "PAUSED"} == {None}
    metadata = dict(read_parquet(io.BytesIO(answer.content)).schema.metadata)
    assert metadata[b"group_by"] == b"QUEUE,STATE"
    assert b"counted_at" in metadata
    [alone] = rows_of(await ask(served, "GET", "/exports/agent-states?format=ndjson"))
    assert (alone["is_total"], alone["agents"]) == (True, 12)


async def test_nobody_is_a_file_without_rows_in_every_format(served: Served) -> None:
    for name in ("ndjson", "arrow", "parquet"):
        answer = await ask(served, "GET", f"/exports/agents?format={name}&search=nobody-at-all")
        assert (answer.status_code, rows_of(answer), answer.headers["export-rows"]) == (200, [], "0")
    header = (await ask(served, "GET", "/exports/agents?format=csv&search=nobody-at-all")).text
    assert header.startswith("id,name,login,")
    assert header.count("\r\n") == 1


async def test_a_bound_on_age_is_kept_and_told(both: tuple[Served, RunningSimulator]) -> None:
    served, simulator = both
    await ask(served, "GET", "/exports/agents")
    walks = len(simulator.requests)
    held = await ask(served, "GET", "/exports/agents")
    assert (len(simulator.requests), "hit" in held.headers["cache-status"]) == (walks, True)
    fresh = await ask(served, "GET", "/exports/agents", headers={"Cache-Control": "no-cache"})
    assert len(simulator.requests) > walks
    assert "fwd=miss" in fresh.headers["cache-status"]
    assert fresh.headers["snapshot-version"] == held.headers["snapshot-version"]


async def test_accept_may_be_told_in_several_lines() -> None:
    async with serving(World.seeded(5, token=token_of("acme"))) as (served, _):
        accepted = [("Accept", "image/png"), ("Accept", "application/x-ndjson")]
        headers = [("Authorization", f"Bearer {KEY}"), *accepted]
        answer = await served.client.get("/v1/exports/agents", headers=headers)
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
