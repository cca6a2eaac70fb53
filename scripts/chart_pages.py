# ruff: noqa: INP001 - a program to run, not a package to import
"""Write `helm/values.schema.json` and `helm/README.md` from `helm/values.yaml` and the gateway's settings.

Run it with the project's Python and `.venv/tools/bin` (see .ci/install-tools) on PATH. A test holds both.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.settings import Settings

CHART: Final = Path(__file__).parents[1] / "helm"
_KEY: Final = re.compile(r"^( *)([A-Za-z_]+):(.*)$")
_YAML_TO_JSON: Final = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"

SECRETS: Final = {"TenantSettings": "token", "CacheSettings": "valkey_url"}
"""Settings that must not stand in a ConfigMap: `tokens` and `valkey` of the chart give them."""

TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS: Final = {"type": "array", "items": {"type": "object"}}
ENTRY: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["key"],
    "properties": {"key": {"type": "string"}, "property": {"type": "string"}, "version": {"type": "string"}},
}
SHAPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "replicas": {"minimum": 1},
    "image.digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": {"minimum": 1, "maximum": 65535},
    "service.annotations": TEXTS,
    "tokens.mountPath": {"pattern": "^/"},
    "tokens.create": TEXTS,
    "documents.mountPath": {"pattern": "^/"},
    "tokens.externalSecrets.storeKind": {"enum": ["SecretStore", "ClusterSecretStore"]},
    "tokens.externalSecrets.data": {"type": "object", "additionalProperties": ENTRY},
    "extraEnv": OBJECTS,
    "ingress.annotations": TEXTS,
    "gatewayRoute.parentRefs": OBJECTS,
    "resources.requests": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
    "resources.limits": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
    "rollout.maxSurge": {"type": ["integer", "string"]},
    "rollout.minReadySeconds": {"minimum": 0},
    "rollout.preStopSeconds": {"minimum": 1},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "serviceMonitor.labels": TEXTS,
    "prometheusRule.labels": TEXTS,
    "dashboard.labels": TEXTS,
    "dashboard.annotations": TEXTS,
    "serviceAccount.annotations": TEXTS,
    "podLabels": TEXTS,
    "podAnnotations": TEXTS,
    "nodeSelector": TEXTS,
    "tolerations": OBJECTS,
    "affinity": {"type": "object"},
}
_TYPES: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


class Key(NamedTuple):
    """One key of values.yaml with the comment above it."""

    path: str
    meaning: str


def keys(text: str) -> Iterator[Key]:
    """Every key of the file in its order; a key without a comment above is an error."""
    parents: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        found = _KEY.match(line)
        if found:
            parents[len(found[1]) // 2 :] = [found[2]]
            path = ".".join(parents)
            if not above:
                raise ValueError(f"values.yaml: {path} has no line above it")
            yield Key(path, " ".join(above))
        above = [*above, line.strip(" #")] if line.lstrip().startswith("#") else []


def read_values() -> dict[str, Any]:
    """The default values."""
    told = subprocess.run(  # noqa: S603 - our own words
        ["delivery-python", "-c", _YAML_TO_JSON],  # noqa: S607 - from PATH by design
        input=(CHART / "values.yaml").read_bytes(),
        stdout=subprocess.PIPE,
        check=True,
    )
    values: dict[str, Any] = json.loads(told.stdout)
    return values


def settings_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of `config` and the definitions it refers to."""
    [_], definitions = msgspec.json.schema_components(
        [Settings], schema_hook=lambda _kind: {"type": "string"}, ref_template="#/$defs/{name}"
    )
    for table, secret in SECRETS.items():
        del definitions[table]["properties"][secret]
    for definition in definitions.values():
        definition.pop("title", None)
        for shown in definition.get("properties", {}).values():
            shown.pop("default", None)
    top = definitions.pop("Settings")
    del top["properties"]["jwt"]
    top["properties"]["jwt"] = {
        "description": "Callers with a JWT; empty means none.",
        "if": {"minProperties": 1},
        "then": {"$ref": "#/$defs/JwtSettings"},
        "else": {"type": "object"},
    }
    return {"type": "object", "additionalProperties": False, "properties": top["properties"]}, definitions


def schema_of(value: object, *, path: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    """The schema of one value, by its default and by SHAPES."""
    shape: dict[str, Any] = {"description": meanings[path]} if path else {}
    if isinstance(value, dict) and path not in SHAPES:
        inner = {
            name: schema_of(one, path=f"{path}.{name}" if path else name, meanings=meanings)
            for name, one in value.items()
        }
        return {**shape, "type": "object", "additionalProperties": False, "properties": inner}
    if isinstance(value, list) and path not in SHAPES:
        return {**shape, "type": "array", "items": {"type": "string"}}
    known = _TYPES.get(type(value))
    return {**shape, **({"type": known} if known else {}), **SHAPES.get(path, {})}


def schema() -> str:
    """The text of values.schema.json."""
    values = read_values()
    meanings = dict(keys((CHART / "values.yaml").read_text(encoding="utf-8")))
    config = values.pop("config")
    whole = schema_of(values, path="", meanings=meanings)
    shape, definitions = settings_schemas()
    assert set(config) <= set(shape["properties"])  # noqa: S101 - the file has no table of its own
    whole["properties"]["config"] = {"description": meanings["config"], **shape}
    whole["properties"]["global"] = {"type": "object", "description": "Of a parent chart; not read."}
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}
    return json.dumps(whole, indent=2, sort_keys=False) + "\n"


def readme() -> str:
    """The text of README.md."""
    values = read_values()
    rows = []
    for key in keys((CHART / "values.yaml").read_text(encoding="utf-8")):
        default: Any = values
        for name in key.path.split("."):
            default = default[name]
        shown = "" if isinstance(default, dict) and default else f"`{json.dumps(default)}`"
        rows.append(f"| `{key.path}` | {shown} | {key.meaning} |".replace("|  |", "| |"))
    head = (CHART / "README.head.md").read_text(encoding="utf-8")
    return head + "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def main() -> int:
    """Write both."""
    (CHART / "values.schema.json").write_text(schema(), encoding="utf-8")
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
