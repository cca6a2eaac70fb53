"""The chart as helm renders it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
VALUES = Path(__file__).with_name("values")
FINE = ("minimal", "full", "shared", "ingress", "external-secrets")
DASHBOARD = "Dashboard"
RELEASE, NAMESPACE = "gw", "calls"
_YAML_TO_JSON = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)"

Object = dict[str, Any]


class Refused(Exception):
    """What helm said to values it does not take."""


def run(tool: str, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one tool to its end."""
    return subprocess.run(  # noqa: S603 - a tool found by its name, with words of our own
        [require_tool(tool), *arguments], input=given, text=True, capture_output=True, check=False
    )


def template(name: str, *more: str | Path) -> str:
    """The rendered YAML of one values file; `Refused` with helm's words."""
    told = run("helm", "template", RELEASE, CHART, "-n", NAMESPACE, "-f", VALUES / f"{name}.yaml", *more)
    if told.returncode != 0:
        raise Refused(told.stderr)
    return told.stdout


def read_yaml(text: str) -> list[Any]:
    """Every document of a YAML text that is not empty."""
    told = run("delivery-python", "-c", _YAML_TO_JSON, given=text)
    assert told.returncode == 0, told.stderr
    return [document for document in json.loads(told.stdout) if document]


def objects(name: str, *more: str | Path) -> dict[str, Object]:
    """The rendered objects by their kind; of each kind the chart makes one, but for the dashboard's map."""
    found = read_yaml(template(name, *more))
    by_kind = {_kind_of(one): one for one in found}
    assert len(by_kind) == len(found)
    return by_kind


def _kind_of(one: Object) -> str:
    kind: str = one["kind"]
    return DASHBOARD if one["metadata"]["name"].endswith("-dashboard") else kind


def container(deployment: Object) -> Object:
    """The one container of the Deployment."""
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    shaped: Object = only
    return shaped
