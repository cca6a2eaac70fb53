"""docs/configuration.md, written from the settings themselves."""

import json
from typing import Final

import msgspec

from gateway.settings.environment import sections
from gateway.settings.wording import expected_of

_UNITS: Final = {
    "_requests_per_second": "requests per second",
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_megabytes": "megabytes",
}
_HEADINGS: Final = {"tenants": "tenants.<id>", "callers": "callers.<name>"}
_PREFACE: Final = """\
# Configuration

<!-- Written by `python -m gateway.settings`; a test holds it. Change the settings, not this file. -->

`gateway serve --config FILE` reads TOML. Every setting is also an environment variable, and the variable
wins:

| in the file | as a variable |
| --- | --- |
| `port` in `[server]` | `GATEWAY_SERVER__PORT=8000` |
| `base_url` in `[tenants.acme-norte]` | `GATEWAY_TENANTS__ACME_NORTE__BASE_URL=https://…` |
| `tenants` in `[callers.wallboard]` | `GATEWAY_CALLERS__WALLBOARD__TENANTS=acme,beta`, or a JSON list |
| `log_levels` in `[telemetry]` | `GATEWAY_TELEMETRY__LOG_LEVELS=httpx=error,gateway.http=off`, or JSON |

Names of variables ignore case. A tenant or caller is found by its table in the file, where `-`, `.` and `_`
are one; where there is no such table the variable makes one, named in lower case. A variable that begins
with `GATEWAY_` and fits no setting is refused (those that Kubernetes makes for a Service named `gateway…`
are passed over). An empty text means "not set" where the default is `""`.

A configuration that cannot be used ends the start with exit code 2 and one line: the file, the key, what
was expected. The line never shows a value. `[tenants]`, `[callers]`, `[jwt]` and token files are followed
while the gateway runs; a broken edit keeps the last good configuration and is logged once. Everything else
is read at the start.

A tenant id matches `^[a-z0-9][a-z0-9_-]{0,62}$`. A token stands in exactly one of `token_file`, `token_env`
and `token`; the file may end in a newline and is read again when it is edited, replaced, or swapped by
Kubernetes.
"""


def reference() -> str:
    """The whole page as Markdown."""
    return _PREFACE + "".join(f"\n{_section(name, kind=kind)}" for name, kind in sections().items())


def _section(name: str, *, kind: type[msgspec.Struct]) -> str:
    rows = "\n".join(map(_row, msgspec.structs.fields(kind)))
    return (
        f"## [{_HEADINGS.get(name, name)}]\n\n{kind.__doc__}\n\n"
        f"| setting | value | default | unit | meaning |\n| --- | --- | --- | --- | --- |\n{rows}\n"
    )


def _row(field: msgspec.structs.FieldInfo) -> str:
    unit = next((unit for end, unit in _UNITS.items() if field.name.endswith(end)), "")
    cells = (f"`{field.name}`", expected_of(field.type), _default(field), unit, _meaning(field))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is None:
        return '`""`'
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return f"`{json.dumps(default)}`"


def _meaning(field: msgspec.structs.FieldInfo) -> str:
    kind = msgspec.inspect.type_info(field.type)
    described = kind.extra_json_schema if isinstance(kind, msgspec.inspect.Metadata) else None
    return str((described or {})["description"])
