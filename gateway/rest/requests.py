"""Requests read into the types that the document shows; no message quotes a value."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from gateway.domain.errors import BadRequest, BadUserInput

T = TypeVar("T")

_WHERE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"missing required field `(?P<name>[A-Za-z]+)`")
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")
_STEP: Final = re.compile(r"[A-Za-z]+|\d+")
_SAFE: Final = re.compile(r"Expected `[a-z| ]+`, got `[a-z]+`|Expected `[a-z]+` (of length )?[<>=]+ \d+")


def read_parameters(pairs: Iterable[tuple[str, str]], *, of: type[T]) -> T:
    """Read the parameters of a query or a path; `BadUserInput` names the one that cannot be."""
    kinds = _kinds(of)  # type: ignore[arg-type]  # a class is hashable
    given: dict[str, Any] = {}
    for name, text in pairs:
        if name not in kinds:
            raise BadUserInput("The operation has no parameter of this name.", field=_shown(name))
        if kinds[name] is tuple:
            given.setdefault(name, []).append(text)
        elif name in given:
            raise BadUserInput("This parameter can be given once only.", field=(name,))
        else:
            given[name] = _value(text, kind=kinds[name])
    try:
        return msgspec.convert(given, of)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None


def read_json(body: bytes, *, of: Any) -> Any:
    """Read a body; `BadRequest` where it is no JSON, `BadUserInput` where it is not of the type."""
    try:
        return msgspec.convert(_with_whole_numbers(msgspec.json.decode(body)), of)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise BadRequest("The body is not JSON in UTF-8.") from None


def _with_whole_numbers(value: Any) -> Any:
    """To JSON Schema 3.0 is a whole number; to msgspec it is not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _with_whole_numbers(each) for name, each in value.items()}
    return [_with_whole_numbers(each) for each in value] if isinstance(value, list) else value


def _refusal(error: msgspec.ValidationError) -> BadUserInput:
    """The path and the kind of fault; msgspec's own words may quote a value and are dropped then."""
    text = str(error)
    where, missing, safe = _WHERE.search(text), _MISSING.search(text), _SAFE.match(text)
    steps = _STEP.findall(where["path"]) if where else []
    if missing:
        return BadUserInput("This is required.", field=(*steps, missing["name"]))
    message = f"{safe[0]}." if safe else "This is not as the API's description says."
    return BadUserInput(message, field=tuple(steps))


@cache
def _kinds(of: type) -> Mapping[str, type]:
    """What each parameter's text stands for: a list, a whole number, a yes or no, or itself."""
    hints = get_type_hints(of)
    return {field.encode_name: _kind(hints[field.name]) for field in msgspec.structs.fields(of)}


def _kind(hint: Any) -> type:
    parts = {getattr(part, "__origin__", part) for part in (hint, *get_args(hint))}
    return next((kind for kind in (tuple, int, bool) if kind in parts), str)


def _value(text: str, *, kind: type) -> str | int | bool:
    """The value that a text stands for; one that stands for none is refused as the text it is."""
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind is bool else text


def _shown(name: str) -> tuple[str, ...]:
    return (name,) if re.fullmatch(r"[A-Za-z]{1,40}", name) else ()
