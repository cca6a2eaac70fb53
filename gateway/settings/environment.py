"""Environment variables over the file: `GATEWAY_<SECTION>__<KEY>`, and the environment wins."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.settings.errors import Place, SettingsError, suggestion
from gateway.settings.tree import CallerSettings, JwtSettings, Settings, TenantSettings

_PREFIX: Final = "GATEWAY_"
_TABLES: Final[Mapping[str, type[msgspec.Struct]]] = {"tenants": TenantSettings, "callers": CallerSettings}
_KUBERNETES_NAME: Final = re.compile(
    r"\w*?(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT: Final = re.compile(r"(tcp|udp|sctp)://")


def overlay(document: dict[str, Any], *, environ: Mapping[str, str], file: Path) -> Place:
    """Write the variables into the document; gives the top place, which knows what was set by which."""
    variables: dict[tuple[str, ...], str] = {}
    for name in sorted(environ):
        if name.upper().startswith(_PREFIX) and not _is_service_link(name, value=environ[name]):
            keys = _keys(name, document=document, file=file)
            if keys in variables:
                raise _refusal(name, file=file, expected=f"to be set once, not by {variables[keys]} too")
            variables |= _write(document, keys=keys, value=environ[name], name=name)
    return Place(file, variables=variables)


def setting_names() -> Iterable[str]:
    """Every variable, with the placeholder `<ID>` where a tenant or caller stands."""
    for section, kind in sections().items():
        middle = "<ID>__" if section in _TABLES else ""
        for field in msgspec.structs.fields(kind):
            yield f"{_PREFIX}{section.upper()}__{middle}{field.name.upper()}"


def sections() -> Mapping[str, type[msgspec.Struct]]:
    """Each section and the type of its table, or of each of its tables."""
    plain = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    return {**plain, "jwt": JwtSettings, **_TABLES}


def alike(name: str) -> str:
    """A tenant id or caller name as a variable can spell it: no case, and `-`, `.` and `_` are one."""
    return re.sub(r"[-.]", "_", name).lower()


def _keys(name: str, *, document: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    section, *middle, key = name[len(_PREFIX) :].lower().split("__") if "__" in name else ("", "")
    kind = sections().get(section)
    if kind is None or key not in kind.__struct_fields__ or bool(middle) is not (section in _TABLES):
        raise _refusal(name, file=file, expected=_meant(name))
    if not middle:
        return section, key
    return section, _table_name("__".join(middle), tables=document.get(section), name=name, file=file), key


def _table_name(spelled: str, *, tables: object, name: str, file: Path) -> str:
    known = [one for one in tables if alike(one) == spelled] if isinstance(tables, dict) else []
    if len(known) > 1:
        raise _refusal(name, file=file, expected="a name that fits one table, not " + " and ".join(known))
    return known[0] if known else spelled


def _write(
    document: dict[str, Any], *, keys: tuple[str, ...], value: str, name: str
) -> dict[tuple[str, ...], str]:
    table: Any = document
    made: dict[tuple[str, ...], str] = {}
    for depth, key in enumerate(keys[:-1], start=1):
        if key not in table:
            table[key] = {}
            made[keys[:depth]] = name
        table = table[key]
        if not isinstance(table, dict):  # refused where the tree is read
            return made
    table[keys[-1]] = value
    return made | {keys: name}


def _is_service_link(name: str, *, value: str) -> bool:
    """Whether Kubernetes made this variable for a Service that happens to be named gateway-something."""
    if "__" in name:
        return False
    return bool(
        _KUBERNETES_NAME.fullmatch(name) or (name.endswith("_PORT") and _KUBERNETES_PORT.match(value))
    )


def _meant(name: str) -> str:
    known = {one.lower(): one for one in setting_names()}
    near = suggestion(name, known=known)
    meant = known.get(near.strip('"'))
    return f"a setting's name; did you mean {meant}?" if meant else "a name GATEWAY_<SECTION>__<KEY>"


def _refusal(name: str, *, file: Path, expected: str) -> SettingsError:
    return SettingsError(file, key=name, expected=expected, variable=name)
