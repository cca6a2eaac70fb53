"""What operators look at: the page as promtool judges it, the dashboard as a real Prometheus answers it."""

import asyncio
import json
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.domain.secrets import SecretUrl
from gateway.settings import CacheSettings, LimitSettings, TelemetrySettings
from gateway.simulator.world import World
from gateway.telemetry.instruments import Metric, MetricKind, metrics
from tests.otlp import CALLER_TRACE, TRACEPARENT, receiving
from tests.replicas import RunningValkey, running_valkey
from tests.served import KEY, Plan, Served, serving, token_of
from tests.streams import subscribed
from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "helm" / "dashboards" / "evolux-gateway.json"
ALERTS = ROOT / "helm" / "alerts.yaml"
COUNT = "{ agents(first: 1) { totalCount } }"
WITH_SCHEMA = "{ __schema { queryType { name } } agents(first: 1) { totalCount } }"
LEAVE = "mutation($id: ID!) { logoffAgent(input: {agentId: $id}) { agent { state } } }"
ADDED_LABELS = {"le", "job", "instance", "pod"}
"""Labels of the scrape and of histograms, not of a declaration."""
WITHOUT_DATA = {"gateway_listing_odd_fields_total", "gateway_walks_torn_total"}
"""Series of troubles that the simulator of this test does not make."""


def panels() -> dict[str, list[str]]:
    """The dashboard's queries by the panel that shows them."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return {
        panel["title"]: [target["expr"] for target in panel["targets"]]
        for panel in board["panels"]
        if panel["type"] != "row"
    }


QUERIES = [(title, query) for title, queries in panels().items() for query in queries]


def series() -> dict[str, Metric]:
    """Every declared series by its name on the page."""
    found: dict[str, Metric] = {}
    for metric in metrics():
        endings = ("_bucket", "_count", "_sum") if metric.kind is MetricKind.HISTOGRAM else ("",)
        found |= {metric.prometheus_name + ending: metric for ending in endings}
    return found


def selectors(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each series of a query with the labels that are matched on it."""
    for name, matchers in re.findall(r"\b((?:gateway|process)_[a-z_]+)(?:\{([^}]*)\})?", query):
        yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers))


def grouped(query: str) -> set[str]:
    """The labels that a query's sums are by."""
    return {label.strip() for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(",")}


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_the_dashboard_asks_for_declared_series_by_declared_labels(title: str, query: str) -> None:
    declared = series()
    used = list(selectors(query))
    assert used, title
    for name, matched in used:
        labels = {label.name for label in declared[name].labels} | ADDED_LABELS
        assert matched | grouped(query) <= labels, (title, name)


def test_every_metric_has_its_place_on_the_dashboard() -> None:
    shown = {series()[name].name for _, query in QUERIES for name, _ in selectors(query)}
    assert {metric.name for metric in metrics()} - shown == set()


async def test_promtool_finds_nothing_wrong_with_the_page() -> None:
    async with serving(World.seeded(40, token=token_of("acme"))) as (served, _):
        await exercise(served)
        page = (await served.client.get("/metrics")).content
    told = await asyncio.to_thread(promtool, "check", "metrics", given=page.decode())
    assert (told.returncode, told.stderr, told.stdout) == (0, "", "")


BURNING = """
rule_files: [{alerts}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'gateway_request_duration_seconds_count{{code="OK"}}', values: '0+1000x400'}}
      - {{series: 'gateway_request_duration_seconds_count{{code="OVERLOADED"}}', values: '{errors}'}}
    alert_rule_test:
      - eval_time: 390m
        alertname: GatewayErrorBudget
        exp_alerts: [{expected}]
"""
RINGS = (
    "{exp_labels: {severity: critical}, exp_annotations: {summary: 'At this pace the month''s budget of "
    "errors (0.1% of the requests) is gone within five days.', "
    "runbook: 'docs/operations.md#gatewayerrorbudget'}}"
)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [("0+0.5x400", ""), ("0+20x400", RINGS), ("0+8x400", RINGS), ("0+20x300 6000x100", "")],
    ids=["within the budget", "fast", "slow and long", "over by now"],
)
def test_the_error_budget_rings_for_what_burns_it_and_still_does(
    errors: str, expected: str, tmp_path: Path
) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(BURNING.format(alerts=ALERTS, errors=errors, expected=expected), encoding="utf-8")
    told = promtool("test", "rules", str(cases))
    assert told.returncode == 0, told.stdout + told.stderr


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(  # noqa: S603 - a tool found by its name, with words of our own
        [require_tool("promtool"), *arguments], input=given, text=True, capture_output=True, check=False
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/plain"),
        ("*/*", "text/plain"),
        ("image/png", "text/plain"),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.9", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
    ],
)
async def test_the_page_has_the_form_that_is_asked_for(accept: str | None, kind: str) -> None:
    async with serving(World.seeded(5, token=token_of("acme"))) as (served, _):
        page = await served.client.get("/metrics", headers={} if accept is None else {"Accept": accept})
    assert page.status_code == 200
    assert page.headers["content-type"].partition(";")[0] == kind
    assert "accept" in page.headers["vary"].lower()
    assert page.text.endswith("# EOF\n") == (kind == "application/openmetrics-text")


@pytest.fixture
def valkey() -> Iterator[RunningValkey]:
    with running_valkey() as server:
        yield server


async def test_a_real_prometheus_answers_every_query_of_the_dashboard(
    tmp_path: Path, valkey: RunningValkey
) -> None:
    world = World.seeded(40, token=token_of("acme"))
    async with (
        receiving() as received,
        serving(
            world,
            plan=Plan(
                cache=CacheSettings(valkey_url=SecretUrl(valkey.url)),
                limits=LimitSettings(retry_wait_seconds=0.01),
                telemetry=TelemetrySettings(otlp_endpoint=received.endpoint, sample_ratio=0),
            ),
        ) as (served, simulators),
    ):
        simulators["acme"].faults.answer(503, path="/api/v1/agents", count=1)
        target = f"127.0.0.1:{served.client.base_url.port}"
        async with prometheus(target, directory=tmp_path) as client:
            await exercise(served)
            await scraped(client, times=2)
            await exercise(served)
            await scraped(client, times=4)
            unanswered = [
                (title, query)
                for title, query in QUERIES
                if not WITHOUT_DATA & {name for name, _ in selectors(query)} and not await ask(client, query)
            ]
            assert unanswered == []
            assert await exemplar_traces(client) == {CALLER_TRACE}
            rules = (await client.get("/api/v1/rules")).json()["data"]["groups"]
            judged = {rule["name"]: rule["health"] for group in rules for rule in group["rules"]}
    assert len(judged) == ALERTS.read_text(encoding="utf-8").count("- alert:")
    assert set(judged.values()) == {"ok"}


async def exercise(served: Served) -> None:
    """A miss or a hit, a refused write, no document, a file, what graphql-core runs, and a stream."""
    await served.ask(COUNT, headers={"Cache-Control": "no-cache", **TRACEPARENT})
    await served.ask(COUNT)
    await served.post(LEAVE, id="1", headers={"Idempotency-Key": "a-key-of-this-test"})
    await served.post("{ nothing }")
    await served.client.get("/v1/exports/agents", headers={"Authorization": f"Bearer {KEY}"})
    await served.ask(WITH_SCHEMA)
    async with subscribed(served.client) as reader:
        assert (await reader.next()).changes["initial"] is True


async def ask(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers, with the dashboard's variables filled in as Grafana does."""
    filled = query.replace("$tenant", ".*").replace("$__rate_interval", "30s")
    answer = (await client.get("/api/v1/query", params={"query": filled})).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


async def exemplar_traces(client: httpx.AsyncClient) -> set[str]:
    """The traces that Prometheus knows of requests."""
    asked = {"query": "gateway_request_duration_seconds_bucket", "start": "0", "end": str(time.time() + 60)}
    answer = (await client.get("/api/v1/query_exemplars", params=asked)).json()
    return {one["labels"]["trace_id"] for series in answer["data"] for one in series["exemplars"]}


async def scraped(client: httpx.AsyncClient, *, times: int) -> None:
    """Wait until Prometheus has come so often, and has judged the rules."""
    async with asyncio.timeout(40):
        while not await _has_scraped(client, times=times):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.1)


async def _has_scraped(client: httpx.AsyncClient, *, times: int) -> bool:
    counts = await ask(client, 'count_over_time(up{job="gateway"}[5m])')
    groups = (await client.get("/api/v1/rules")).json()["data"]["groups"]
    is_judged = all(rule["health"] != "unknown" for group in groups for rule in group["rules"])
    return is_judged and any(float(one["value"][1]) >= times for one in counts)


@asynccontextmanager
async def prometheus(target: str, *, directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run a Prometheus that scrapes the target each second and judges the alerts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = directory / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(ALERTS)],
                "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": [target]}]}],
            }
        ),
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        require_tool("prometheus"),
        f"--config.file={config}",
        "--enable-feature=exemplar-storage",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=10) as client:
            await ready(client)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def ready(client: httpx.AsyncClient) -> None:
    """Wait until it answers."""
    async with asyncio.timeout(40):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/-/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
