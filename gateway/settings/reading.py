"""From a TOML document to the typed tree, value by value, so that every refusal knows its key."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from gateway.domain.secrets import Secret
from gateway.settings.environment import sections
from gateway.settings.errors import Place, suggestion
from gateway.settings.tree import Settings
from gateway.settings.wording import (
    expected_of,
    expected_of_element,
    format_of,
    is_list,
    is_optional,
    is_table,
)

T = TypeVar("T", bound=msgspec.Struct)
_INDEX: Final = re.compile(r"\$\[(\d+)\]")


def read_settings(document: Mapping[str, Any], *, top: Place) -> Settings:
    """The whole tree; raises `SettingsError` for the first thing that does not fit."""
    known = sections()
    _refuse_unknown(document, known=known, at=top)
    given: dict[str, Any] = {}
    for name, table in document.items():
        read = _read_tables if name in ("tenants", "callers") else read_table
        given[name] = read(table, kind=known[name], at=top / name)
    return Settings(**given)


def read_table(table: object, *, kind: type[T], at: Place) -> T:
    """One table of settings as its type."""
    if not isinstance(table, dict):
        raise at.refusal("a table")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    _refuse_unknown(table, known=fields, at=at)
    for name, field in fields.items():
        if field.required and name not in table:
            raise (at / name).refusal(f"{expected_of(field.type)}; it is missing")
    return kind(
        **{name: _read_value(value, kind=fields[name].type, at=at / name) for name, value in table.items()}
    )


def _read_tables(tables: object, *, kind: type[T], at: Place) -> dict[str, T]:
    if not isinstance(tables, dict):
        raise at.refusal("a table of tables")
    return {name: read_table(table, kind=kind, at=at / name) for name, table in tables.items()}


def _read_value(value: object, *, kind: Any, at: Place) -> object:
    if value == "" and is_optional(kind):
        return None
    if at.is_set_outside and isinstance(value, str) and is_list(kind):
        value = _split(value, at=at)
    if is_table(kind):
        return _read_names(_split_pairs(value, at=at), kind=kind, at=at)
    try:
        read = msgspec.convert(value, kind, strict=not at.is_set_outside, dec_hook=_wrap)
    except msgspec.ValidationError as refused:
        element = _INDEX.search(str(refused))
        if element is None:
            raise at.refusal(expected_of(kind)) from None
        raise at.refusal(expected_of_element(kind), index=int(element[1])) from None
    _check_format(read, kind=kind, at=at)
    return read


def _read_names(table: object, *, kind: Any, at: Place) -> dict[str, object]:
    """A table whose names are free, name by name."""
    if not isinstance(table, dict):
        raise at.refusal(expected_of(kind))
    read: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            raise (at / name).refusal(f"{expected_of_element(kind)}; a name with a dot stands in quotes")
        try:
            read |= msgspec.convert({name: value}, kind)
        except msgspec.ValidationError:
            raise (at / name).refusal(expected_of_element(kind)) from None
    return read


def _split_pairs(value: object, *, at: Place) -> object:
    """A table in a variable: JSON, or `name=value` with commas between."""
    if not (at.is_set_outside and isinstance(value, str)):
        return value
    if value.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    pairs = [one.partition("=") for one in value.split(",") if one.strip()]
    if not all(separator for _, separator, _ in pairs):
        raise at.refusal("a JSON object, or name=value with commas between")
    return {name.strip(): given.strip() for name, _, given in pairs}


def _check_format(read: object, *, kind: object, at: Place) -> None:
    rule = format_of(kind)
    if rule is None:
        return
    for index, text in enumerate(read if isinstance(read, tuple) else (read,)):
        if not rule.accepts(text):
            raise at.refusal(rule.expected, index=index if isinstance(read, tuple) else None)


def _split(value: str, *, at: Place) -> object:
    """A list in a variable: JSON, or texts with commas between."""
    if not value.lstrip().startswith("["):
        return [one.strip() for one in value.split(",") if one.strip()]
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise at.refusal("a JSON list, or texts with commas between") from None


def _wrap(kind: type, value: object) -> object:
    if issubclass(kind, Secret) and isinstance(value, str):
        return kind(value)
    raise ValueError("not a text")


def _refuse_unknown(table: Mapping[str, object], *, known: Mapping[str, object], at: Place) -> None:
    for name in table:
        if name not in known:
            raise (at / name).refusal(f"{suggestion(name, known=known)}; there is no such setting")
