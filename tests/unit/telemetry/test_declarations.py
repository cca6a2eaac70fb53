"""Names are declared once: what the code says and what is declared must be the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.telemetry import events, instruments
from gateway.telemetry.events import LogEvent, log_events
from gateway.telemetry.instruments import metrics
from gateway.telemetry.names import attributes, span_shapes
from gateway.telemetry.reference import telemetry_reference

GATEWAY = Path(__file__).parents[3] / "gateway"
REFERENCE = Path(__file__).parents[3] / "docs" / "telemetry.md"

LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception"}
ATTRIBUTE_METHODS = {"set_attribute"}  # `OpenSpan.note` takes an `Attribute`: mypy holds it
SPAN_METHODS = {"start_span", "start_as_current_span"}
METRIC_METHODS = {
    f"create_{kind}"
    for kind in ("counter", "histogram", "gauge", "up_down_counter", "observable_counter", "observable_gauge")
}


def declared_by_method() -> dict[str, set[str]]:
    kinds = (
        (LOG_METHODS, {str(event) for event in log_events()}),
        (ATTRIBUTE_METHODS, {str(attribute) for attribute in attributes()}),
        (SPAN_METHODS, {shape.template for shape in span_shapes()}),
        (METRIC_METHODS, {metric.name for metric in metrics()}),
    )
    return {method: names for methods, names in kinds for method in methods}


def named_texts(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The module's own constants that hold a text: a name for a name is no declaration."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def undeclared(source: str) -> Iterator[str]:
    """Every literal name of a signal in the source that is not declared."""
    declared = declared_by_method()
    tree = ast.parse(source)
    constants = dict(named_texts(tree))
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        name, method = node.args[0], node.func.attr
        if method not in declared:
            continue
        name = constants.get(name.id, name) if isinstance(name, ast.Name) else name
        literal = ast.unparse(name) if isinstance(name, ast.JoinedStr | ast.BinOp) else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            literal = name.value if name.value not in declared[method] else None
        if literal is not None:
            yield f"{node.lineno}: {method}({literal!r})"


@pytest.mark.parametrize(
    "path", sorted(GATEWAY.rglob("*.py")), ids=lambda path: str(path.relative_to(GATEWAY))
)
def test_no_part_of_the_gateway_uses_an_undeclared_name(path: Path) -> None:
    assert list(undeclared(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "log.info('something.happened', n=1)",
        "self._log.exception(f'failed for {tenant}')",
        "log.warning('failed for ' + tenant)",
        "span.set_attribute('agent.name', name)",
        "tracer.start_span('my span')",
        "meter.create_counter('gateway.more')",
        "KEPT: Final = 'something.kept'\nlog.info(KEPT)",
    ],
)
def test_an_undeclared_name_is_found(source: str) -> None:
    assert len(list(undeclared(source))) == 1


@pytest.mark.parametrize(
    "source",
    ["log.info(events.ACCESS)", "log.info('http.access')", "span.set_attribute(names.TENANT, tenant)"],
)
def test_a_declared_name_is_not_reported(source: str) -> None:
    assert list(undeclared(source)) == []


def test_every_metric_is_recorded_somewhere() -> None:
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in (GATEWAY / "telemetry").glob("*.py")
        if path.name != "instruments.py"
    )
    declared = {name for name, value in vars(instruments).items() if isinstance(value, instruments.Metric)}
    assert {name for name in declared if f"instruments.{name}" not in written} == set()


def test_every_log_event_is_written_somewhere() -> None:
    written = "".join(
        path.read_text(encoding="utf-8") for path in GATEWAY.rglob("*.py") if path.name != "events.py"
    )
    declared = {name for name, value in vars(events).items() if isinstance(value, LogEvent)}
    assert {name for name in declared if f"events.{name}" not in written} == set()


def test_names_are_declared_once() -> None:
    for declared in (
        [str(event) for event in log_events()],
        [str(attribute) for attribute in attributes()],
        [metric.name for metric in metrics()],
        [metric.prometheus_name for metric in metrics()],
    ):
        assert sorted(set(declared)) == sorted(declared)
        assert declared


def test_metric_names_follow_the_prometheus_conventions() -> None:
    for metric in metrics():
        name = metric.prometheus_name
        assert name.endswith("_total") is metric.kind.value.endswith("counter")
        assert not name.endswith(("_s", "_ms", "_count", "_sum", "_bucket"))
        assert (metric.unit == "s") is ("_seconds" in name)
        assert metric.description.endswith(".")


def test_the_reference_is_what_the_declarations_say() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == telemetry_reference()


def test_the_reference_names_every_signal() -> None:
    told = telemetry_reference()
    for name in [*log_events(), *attributes(), *(metric.prometheus_name for metric in metrics())]:
        assert f"`{name}`" in told
