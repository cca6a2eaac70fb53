"""The chart's schema and README are written from values.yaml and the settings, and nothing is left out."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from gateway.settings import Settings
from tests.chart.rendering import CHART, ROOT, VALUES, read_yaml
from tests.tools import require_tool


@pytest.fixture(name="pages")
def load_pages() -> ModuleType:
    require_tool("delivery-python")
    spec = importlib.util.spec_from_file_location("chart_pages", ROOT / "scripts" / "chart_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_schema_is_what_the_values_and_the_settings_say(pages: ModuleType) -> None:
    assert text(CHART / "values.schema.json") == pages.schema()


def test_the_readme_is_what_the_values_say(pages: ModuleType) -> None:
    assert text(CHART / "README.md") == pages.readme()


def test_every_key_of_the_values_has_a_line_above_it_and_a_row_in_the_readme(pages: ModuleType) -> None:
    keys = list(pages.keys(text(CHART / "values.yaml")))

    assert len(keys) > 100
    for key in keys:
        assert f"| `{key.path}` |" in text(CHART / "README.md")
    with pytest.raises(ValueError, match="a has no line above it"):
        list(pages.keys("# word\n\na: 1\n"))


def test_every_setting_is_reachable_from_the_values() -> None:
    schema = json.loads(text(CHART / "values.schema.json"))
    config, definitions = schema["properties"]["config"], schema["$defs"]
    assert config["additionalProperties"] is False
    missing = set()
    for section in msgspec.structs.fields(Settings):
        assert section.name in config["properties"]
    tables = {
        table.__name__: {field.name for field in msgspec.structs.fields(table)} for table in all_tables()
    }
    for table, names in tables.items():
        assert definitions[table]["additionalProperties"] is False
        missing |= {f"{table}.{name}" for name in names - set(definitions[table]["properties"])}
    # These two are secrets: the chart's `tokens` and `valkey` give them, see test_chart_and_program.
    assert missing == {"TenantSettings.token", "CacheSettings.valkey_url"}


def all_tables() -> list[type[msgspec.Struct]]:
    from gateway.settings.environment import sections  # noqa: PLC0415 - the settings' own list

    return list(sections().values())


def test_the_values_of_the_suite_are_six_and_use_every_switch_of_the_chart() -> None:
    found = {path.stem: read_yaml(text(path))[0] for path in sorted(VALUES.glob("*.yaml"))}

    assert set(found) == {"minimal", "full", "shared", "ingress", "external-secrets", "wrong"}
    for switch in ("autoscaling", "ingress", "gatewayRoute", "serviceMonitor", "prometheusRule", "dashboard"):
        assert any(values.get(switch, {}).get("enabled") for values in found.values()), switch
