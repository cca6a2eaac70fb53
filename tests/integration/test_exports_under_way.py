"""Exports that are refused, left, or many at once; who had them is on record."""

import asyncio
import io
from typing import Any

import httpx
import pytest
from arro3.io import read_parquet

from gateway.domain.errors import ErrorCode
from gateway.rest.exports import exporting
from gateway.rest.exports.rows import agent_row
from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.world import World
from gateway.web.exports import MOST_PER_TENANT
from tests.integration.test_listings import AGENTS, crowd
from tests.integration.test_rest import PROBLEM, ask
from tests.served import KEY, Plan, Served, caller, serving, token_of

PATIENT = LimitSettings(upstream_requests_per_second=10_000, upstream_burst=10_000, caller_burst=1_000)
WHOLE = "/exports/agents?format=ndjson"


def export_lines(served: Served) -> list[dict[str, Any]]:
    """The records of exports, without what is about the line itself."""
    told = ("operation", "outcome", "format", "rows", "tenant", "caller")
    return [
        {name: line[name] for name in told} for line in served.log_lines() if line["event"] == "audit.export"
    ]


async def metric(served: Served, line: str) -> float:
    """One value of the metrics page."""
    page = (await served.client.get("/metrics")).text.splitlines()
    [value] = [each.rpartition(" ")[2] for each in page if each.rpartition(" ")[0] == line]
    return float(value)


async def until(served: Served, exports: int) -> None:
    """Wait for so many records of exports."""
    async with asyncio.timeout(10):
        while len(export_lines(served)) < exports:  # noqa: ASYNC110 - the log has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_listing_that_is_not_whole_is_refused_as_what_it_failed_with() -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=0, stale_seconds=0), limits=LimitSettings(read_attempts=1))
    async with serving(crowd(200), plan=plan) as (served, simulators):
        simulators["acme"].faults.answer(503, path=AGENTS, page=2, count=None)
        for path in (WHOLE, "/exports/agent-states?format=parquet"):
            refused = await ask(served, "GET", path)
            assert (refused.status_code, refused.headers["content-type"]) == (503, PROBLEM)
            told = refused.json()
            assert (told["code"], told["retryable"]) == ("UPSTREAM_UNAVAILABLE", True)
            assert told["detail"] == (
                "A listing is not whole: page 2 of 4 could not be read. "
                "allow_partial=true exports what there is."
            )
        assert export_lines(served) == []
        part = await ask(served, "GET", "/exports/agents?format=parquet&allow_partial=true")
        table = read_parquet(io.BytesIO(part.content))
        metadata = dict(table.schema.metadata)
        assert (part.status_code, part.headers["snapshot-complete"]) == (200, "false")
        assert metadata[b"complete"] == b"false"
        assert metadata[b"missing"] == b"page 2 of 4 could not be read"
        assert table.read_all().num_rows == int(part.headers["export-rows"]) < 200


async def test_an_export_is_of_the_callers_own_tenant() -> None:
    worlds = {
        name: World.seeded(30, seed=seed, token=token_of(name)) for seed, name in enumerate(("acme", "beta"))
    }
    only_beta = {"beta-only": caller("planted-key-of-beta", tenants=("beta",))}
    async with serving(worlds, plan=Plan(limits=PATIENT, callers=only_beta)) as (served, _):
        files = {
            name: await ask(served, "GET", WHOLE, headers={"X-Tenant": name}) for name in ("acme", "beta")
        }
        assert files["acme"].text != files["beta"].text
        assert "agents-beta-" in files["beta"].headers["content-disposition"]
        foreign = await ask(served, "GET", WHOLE, key="planted-key-of-beta", headers={"X-Tenant": "acme"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "UNKNOWN_TENANT")
        crossed = {"X-Tenant": "beta", "If-None-Match": files["acme"].headers["etag"]}
        assert (await ask(served, "GET", WHOLE, headers=crossed)).status_code == 200


async def test_without_the_scope_nothing_is_exported() -> None:
    blind = {"blind": caller("planted-key-of-the-blind", tenants=("acme",), scopes=())}
    async with serving(crowd(10), plan=Plan(callers=blind)) as (served, simulators):
        for path in ("/exports/agents", "/exports/agent-states"):
            refused = await ask(served, "GET", path, key="planted-key-of-the-blind")
            assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
        assert simulators["acme"].requests.count(AGENTS) == 0
        assert export_lines(served) == []


async def test_exports_count_against_the_callers_rate() -> None:
    plan = Plan(limits=LimitSettings(caller_requests_per_second=0.01, caller_burst=2))
    async with serving(crowd(10), plan=plan) as (served, _):
        codes = [(await ask(served, "GET", WHOLE)).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


async def test_what_was_exported_by_whom_is_on_record_and_counted() -> None:
    async with serving(crowd(40), plan=Plan(limits=PATIENT)) as (served, _):
        whole = await ask(served, "GET", "/exports/agents?format=csv")
        rows = int(whole.headers["export-rows"])
        await ask(served, "GET", "/exports/agent-states?format=arrow&groupBy=STATE")
        await ask(served, "HEAD", "/exports/agents?format=csv")
        first, second = export_lines(served)
        assert first == {
            "operation": "exportAgents",
            "outcome": "whole",
            "format": "csv",
            "rows": rows,
            "tenant": "acme",
            "caller": "board",
        }
        assert (second["operation"], second["format"]) == ("exportAgentStates", "arrow")
        of_csv = '{format="csv",tenant="acme"}'
        assert await metric(served, f"gateway_exports_rows_total{of_csv}") == rows
        assert await metric(served, f"gateway_exports_size_bytes_total{of_csv}") == len(whole.content)
        counted = 'gateway_exports_total{format="csv",outcome="whole",tenant="acme"}'
        assert await metric(served, counted) == 1


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
async def test_a_caller_who_hangs_up_ends_the_work_and_frees_the_place(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counting(agent: Any, **more: Any) -> Any:
        made.append(agent.id)
        return agent_row(agent, **more)

    monkeypatch.setattr(exporting, "agent_row", counting)
    async with serving(crowd(12_000), plan=Plan(limits=PATIENT)) as (served, _):
        url, headers = f"/v1/exports/agents?format={kind}", {"Authorization": f"Bearer {KEY}"}
        await ask(served, "GET", "/agents?first=1")
        async with served.client.stream("GET", url, headers=headers) as answer:
            rows = int(answer.headers["export-rows"])
            await anext(answer.aiter_raw())
        await until(served, 1)
        [line] = export_lines(served)
        assert (line["outcome"], line["rows"]) == ("left", 0)
        assert len(made) < rows
        assert "internal_error" not in {each["event"] for each in served.log_lines()}
        again = await asyncio.gather(
            *(ask(served, "GET", url[3:] + "&ids=1") for _ in range(MOST_PER_TENANT))
        )
        assert [each.status_code for each in again] == [200] * MOST_PER_TENANT


async def test_too_many_exports_at_once_are_refused_and_other_tenants_are_not() -> None:
    worlds = {name: crowd(12_000 if name == "acme" else 10, tenant=name) for name in ("acme", "beta")}
    async with serving(worlds, plan=Plan(limits=PATIENT)) as (served, _):
        headers = {"Authorization": f"Bearer {KEY}", "X-Tenant": "acme"}
        await ask(served, "GET", "/agents?first=1", headers=headers)
        requests = [
            served.client.build_request("GET", f"/v1{WHOLE}", headers=headers) for _ in range(MOST_PER_TENANT)
        ]
        slow = [await served.client.send(request, stream=True) for request in requests]
        refused = await ask(served, "GET", WHOLE, headers={"X-Tenant": "acme"})
        assert (refused.status_code, refused.json()["code"]) == (503, ErrorCode.OVERLOADED.value)
        assert refused.headers["retry-after"] == "1"
        other = await ask(served, "GET", WHOLE, headers={"X-Tenant": "beta"})
        assert other.status_code == 200
        lengths = {len((await answer.aread()).splitlines()) for answer in slow}
        assert lengths == {int(slow[0].headers["export-rows"])}
        assert (await ask(served, "GET", WHOLE, headers={"X-Tenant": "acme"})).status_code == 200


async def test_a_file_that_fails_halfway_never_looks_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def failing(agent: Any, **more: Any) -> Any:
        made.append(agent.id)
        if len(made) > 2_000:
            raise ArithmeticError
        return agent_row(agent, **more)

    monkeypatch.setattr(exporting, "agent_row", failing)
    async with serving(crowd(3_000), plan=Plan(limits=PATIENT)) as (served, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(served, "GET", WHOLE)
        await until(served, 1)
        assert export_lines(served)[0]["outcome"] == "failed"
        at_once = await ask(served, "GET", WHOLE)
        assert (at_once.status_code, at_once.headers.get("export-rows")) == (500, None)
        assert at_once.headers["content-type"] == "application/problem+json"
        assert at_once.json()["code"] == "INTERNAL_SERVER_ERROR"
