"""The reference of all signals, written from their declarations: `python -m gateway.telemetry.reference`."""

import sys
from collections.abc import Iterable, Iterator

from gateway.telemetry.events import log_events
from gateway.telemetry.instruments import Metric, metrics
from gateway.telemetry.labels import OVERFLOW, Label
from gateway.telemetry.names import attributes, span_shapes

_INTRODUCTION = f"""\
# What the gateway tells of itself

Written from the declarations in `gateway/telemetry/`; a test holds it. Do not edit:
`python -m gateway.telemetry.reference > docs/telemetry.md`.

Nothing here carries a document's text, an argument, a token, a path with ids, or the name of a person.
An open label takes as many values as its limit says; every further one becomes `{OVERFLOW}`.
"""

_TRACES = """\
## Traces

Sampled as `telemetry.sample_ratio` says, unless the caller's `traceparent` decided. A failure sets
`error.type` and the status; a caller that hung up sets `gateway.cancelled` and a refusal
`gateway.refusal`, and neither is an error. `url.path`, `url.full` and exceptions' messages are left out:
they carry ids, hosts and names. The span of a request that subscribes by Server-Sent Events or WebSocket
lasts as long as its stream; its operation span covers the opening.
"""

_METRICS = """\
## Metrics

On `/metrics` under the Prometheus name; by OTLP under the other. `/metrics` is Prometheus text, or
OpenMetrics for who prefers it by `Accept: application/openmetrics-text`, as Prometheus does. Histograms carry
exemplars of sampled traces by OTLP and in OpenMetrics: in each bucket the trace and span of its last value.
"""

_LOGS = """\
## Logs

One JSON object a line (on a terminal a human form) with `timestamp`, `level`, `logger`, `event`, and within a
request `request_id`, `trace_id`, `tenant` and `caller`. What fails over and over is told when it begins,
once a minute with a `count`, and when it ends.

`telemetry.log_level` is for all, `telemetry.log_levels` for single loggers and what is below them:
`"gateway.http" = "warning"` leaves the access lines out, `"gateway.upstream" = "off"` what Evolux does.
Loggers are `gateway` (the process), `gateway.http`, `gateway.graphql`, `gateway.streams`, `gateway.sockets`,
`gateway.subscriptions`, `gateway.upstream`, `gateway.cache`, `gateway.config`, `gateway.issuer`,
`gateway.telemetry` and those of libraries, such as `uvicorn.error`. What `gateway.audit` has to say is always
written.
"""


def telemetry_reference() -> str:
    """Give the whole reference as Markdown."""
    return "\n".join([_INTRODUCTION, _TRACES, *_spans(), _METRICS, *_metrics(), _LOGS, *_events()])


def _spans() -> Iterator[str]:
    yield from _table(
        ("span", "covers", "attributes"),
        (
            (f"`{shape.template}`", shape.description, ", ".join(f"`{name}`" for name in shape.attributes))
            for shape in span_shapes()
        ),
    )
    yield from _table(
        ("attribute", "meaning"),
        ((f"`{attribute}`", attribute.description) for attribute in attributes()),
    )


def _metrics() -> Iterator[str]:
    yield from _table(
        ("on `/metrics`", "by OTLP", "kind", "labels", "meaning"),
        (
            (
                f"`{metric.prometheus_name}`",
                f"`{metric.name}` ({metric.unit})",
                metric.kind.value.removeprefix("observed "),
                ", ".join(f"`{label.name}`" for label in metric.labels),
                metric.description,
            )
            for metric in metrics()
        ),
    )
    yield from _table(
        ("label", "first of", "meaning", "values"),
        (
            (f"`{label.name}`", f"`{metric.prometheus_name}`", label.description, _values(label))
            for metric, label in _labels()
        ),
    )


def _labels() -> Iterator[tuple[Metric, Label]]:
    told: list[Label] = []
    for metric in metrics():
        for label in metric.labels:
            if label not in told:
                told.append(label)
                yield metric, label


def _values(label: Label) -> str:
    return ", ".join(f"`{value}`" for value in label.values) or f"open, at most {label.limit}"


def _events() -> Iterator[str]:
    yield from _table(
        ("event", "meaning", "fields of its own"),
        (
            (f"`{event}`", event.description, ", ".join(f"`{field}`" for field in event.fields))
            for event in log_events()
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row("---" for _ in head)
    yield from map(_row, rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(telemetry_reference())
