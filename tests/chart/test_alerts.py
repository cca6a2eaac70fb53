"""The alerts: valid, of metrics that exist, each with its paragraph, and ringing when they should."""

import re
from pathlib import Path
from typing import Any

from gateway.telemetry.events import log_events
from gateway.telemetry.instruments import MetricKind, metrics
from tests.chart.rendering import CHART, ROOT, read_yaml, run

ALERTS = CHART / "alerts.yaml"
OTHERS = {"up"}
"""Series that Prometheus makes itself."""


def rules() -> list[dict[str, Any]]:
    [document] = read_yaml(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def series() -> set[str]:
    names = set()
    for metric in metrics():
        endings = ("_bucket", "_count", "_sum") if metric.kind is MetricKind.HISTOGRAM else ("",)
        names |= {metric.prometheus_name + ending for ending in endings}
    return names


def test_prometheus_reads_the_rules() -> None:
    told = run("promtool", "check", "rules", ALERTS)

    assert told.returncode == 0, told.stderr
    assert f"{len(rules())} rules found" in told.stdout


def test_alerts_name_only_series_that_the_gateway_declares() -> None:
    for rule in rules():
        named = set(re.findall(r"\b(?:gateway|process)_[a-z_]+", rule["expr"]))
        assert named or "up{" in rule["expr"], rule["alert"]
        assert named <= series(), rule["alert"]


def test_labels_in_alerts_are_labels_of_their_metric() -> None:
    labels = {metric.prometheus_name: {one.name for one in metric.labels} for metric in metrics()}
    added = {"le", "pod", "job"}
    for rule in rules():
        for name, matcher in re.findall(r"\b((?:gateway|process)_[a-z_]+)\{([^}]*)\}", rule["expr"]):
            metric = re.sub(r"_(bucket|count|sum)$", "", name)
            used = set(re.findall(r"([a-z_]+)(?:=~|!=|!~|=)", matcher))
            assert used <= labels[metric] | added, rule["alert"]


def test_every_alert_has_its_paragraph_in_the_operations_guide() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = {line.lstrip("# ").lower() for line in guide.splitlines() if line.startswith("#")}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in headings, rule["alert"]


def test_the_operations_guide_names_only_log_events_that_are_declared() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)` in the log|log line `([a-z_.]+)`", guide))
    events = {one for pair in named for one in pair if one}

    assert events >= {"config.kept", "sharing.failed"}
    assert events <= {str(event) for event in log_events()}


REJECTED = 'gateway_upstream_duration_seconds_count{tenant="acme",outcome="rejected_credentials"}'
ANSWERED = 'gateway_request_duration_seconds_count{kind="query",code="OK"}'
POLLS = 'gateway_subscriptions_polls_total{tenant="acme"'
OPEN = 'gateway_subscriptions_open{tenant="acme",pod="a"'
EXPORTS = 'gateway_exports_total{tenant="acme",format="csv"'
OVERLOADED = 'gateway_request_duration_seconds_count{kind="query",code="OVERLOADED"}'
# A counter is not there before its first count, so that the first one alone is no increase.
CASES = """
rule_files: [{alerts}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'up{{job="gateway",pod="a"}}', values: '1x40'}}
      - {{series: 'gateway_breaker_state{{tenant="acme"}}', values: '0x5 2x10 0x25'}}
      - {{series: 'gateway_breaker_state{{tenant="beta"}}', values: '0x40'}}
      - {{series: '{rejected}', values: '_x20 1+1x20'}}
      - {{series: 'gateway_upstream_duration_seconds_count{{tenant="beta",outcome="ok"}}', values: '0+60x40'}}
      - {{series: '{answered}', values: '0+95x40'}}
      - {{series: '{overloaded}', values: '0+5x40'}}
    alert_rule_test:
      - {{eval_time: 4m, alertname: TenantBreakerOpen, exp_alerts: []}}
      - eval_time: 9m
        alertname: TenantBreakerOpen
        exp_alerts:
          - exp_labels: {{severity: warning, tenant: acme}}
            exp_annotations:
              summary: Evolux of acme fails; its readers get listings that are marked stale.
              runbook: docs/operations.md#tenantbreakeropen
      - {{eval_time: 19m, alertname: TenantTokenRejected, exp_alerts: []}}
      - eval_time: 24m
        alertname: TenantTokenRejected
        exp_alerts:
          - exp_labels: {{severity: critical, tenant: acme}}
            exp_annotations:
              summary: Evolux refuses the token of acme; only an operator can mend it.
              runbook: docs/operations.md#tenanttokenrejected
      - {{eval_time: 9m, alertname: GatewayDown, exp_alerts: []}}
      - eval_time: 15m
        alertname: GatewayErrors
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations:
              summary: More than 1% of the requests fail by the gateway's own fault.
              runbook: docs/operations.md#gatewayerrors
  - interval: 1m
    input_series:
      - {{series: 'up{{job="gateway",pod="a"}}', values: '1x2 0x5'}}
    alert_rule_test:
      - {{eval_time: 2m, alertname: GatewayDown, exp_alerts: []}}
      - eval_time: 5m
        alertname: GatewayDown
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations:
              summary: No pod of the gateway answers its scrape.
              runbook: docs/operations.md#gatewaydown
  - interval: 1m
    input_series:
      - {{series: '{polls},outcome="ok"}}', values: '0+12x10 120x30'}}
      - {{series: '{polls},outcome="failed"}}', values: '0x10 0+12x30'}}
      - {{series: 'gateway_subscriptions_polls_total{{tenant="beta",outcome="ok"}}', values: '0+12x40'}}
      - {{series: '{open},transport="sse"}}', values: '0+500x40'}}
      - {{series: '{open},transport="websocket"}}', values: '1x40'}}
      - {{series: 'gateway_subscriptions_open{{pod="b",tenant="beta",transport="sse"}}', values: '5000x40'}}
      - {{series: 'gateway_sharing_state{{pod="a"}}', values: '1x10 0x10 1x20'}}
      - {{series: 'gateway_sharing_state{{pod="b"}}', values: '1x40'}}
      - {{series: '{exports},outcome="failed"}}', values: '0x5 1x35'}}
      - {{series: '{exports},outcome="left"}}', values: '0+9x40'}}
    alert_rule_test:
      - {{eval_time: 12m, alertname: SubscribersUntold, exp_alerts: []}}
      - eval_time: 25m
        alertname: SubscribersUntold
        exp_alerts:
          - exp_labels: {{severity: warning, tenant: acme}}
            exp_annotations:
              summary: Subscribers of acme hear of no change; most readings for them fail.
              runbook: docs/operations.md#subscribersuntold
      - {{eval_time: 16m, alertname: SubscriptionsNearLimit, exp_alerts: []}}
      - eval_time: 30m
        alertname: SubscriptionsNearLimit
        exp_alerts:
          - exp_labels: {{severity: warning, pod: a}}
            exp_annotations:
              summary: a has more than 8,000 subscriptions open; at 10,000 it lets no more in.
              runbook: docs/operations.md#subscriptionsnearlimit
      - {{eval_time: 14m, alertname: SharingLost, exp_alerts: []}}
      - eval_time: 17m
        alertname: SharingLost
        exp_alerts:
          - exp_labels: {{severity: warning, pod: a}}
            exp_annotations:
              summary: "a does not reach Valkey: it reads Evolux for itself and hears of no other's writes."
              runbook: docs/operations.md#sharinglost
      - {{eval_time: 23m, alertname: SharingLost, exp_alerts: []}}
      - {{eval_time: 4m, alertname: ExportsFail, exp_alerts: []}}
      - eval_time: 8m
        alertname: ExportsFail
        exp_alerts:
          - exp_labels: {{severity: warning, tenant: acme, format: csv}}
            exp_annotations:
              summary: Exports of acme as csv break off by the gateway's own fault.
              runbook: docs/operations.md#exportsfail
      - {{eval_time: 30m, alertname: ExportsFail, exp_alerts: []}}
"""


def test_alerts_ring_for_what_they_are_for_and_are_silent_else(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    text = CASES.format(
        alerts=ALERTS,
        rejected=REJECTED,
        answered=ANSWERED,
        overloaded=OVERLOADED,
        polls=POLLS,
        open=OPEN,
        exports=EXPORTS,
    )
    cases.write_text(text, encoding="utf-8")

    told = run("promtool", "test", "rules", cases)

    assert told.returncode == 0, told.stdout + told.stderr
