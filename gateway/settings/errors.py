"""The one error of settings: where it stands and what was expected there, never what was found."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class SettingsError(ValueError):
    """Settings that cannot be used; its text names file, key and expectation and is safe to log."""

    def __init__(self, file: Path, *, key: str, expected: str, variable: str | None = None) -> None:
        origin = f" (set by {variable})" if variable and variable != key else ""
        where = f"{file}: {key}{origin}" if key else f"{file}"
        super().__init__(f"{where}: expected {expected}")
        self.file = file
        self.key = key
        self.expected = expected
        self.variable = variable


class Place(msgspec.Struct, frozen=True):
    """A spot in the settings: its file, its keys from the top, and which spots the environment set."""

    file: Path
    keys: tuple[str, ...] = ()
    variables: Mapping[tuple[str, ...], str] = msgspec.field(default_factory=dict)

    def __truediv__(self, key: str) -> "Place":
        return Place(self.file, (*self.keys, key), self.variables)

    @property
    def dotted(self) -> str:
        """The keys as TOML writes them, quoted where they must be."""
        return ".".join(map(_quoted, self.keys))

    @property
    def variable(self) -> str | None:
        """The environment variable that set this spot, or made the table it is missing from."""
        return self.variables.get(self.keys) or self.variables.get(self.keys[:-1])

    @property
    def is_set_outside(self) -> bool:
        """Whether the value here is a variable's text, which must still be read as a number or list."""
        return self.keys in self.variables

    def refusal(self, expected: str, *, index: int | None = None) -> SettingsError:
        """The error for this spot, or for one element of the list that stands there."""
        key = self.dotted if index is None else f"{self.dotted}[{index}]"
        return SettingsError(self.file, key=key, expected=expected, variable=self.variable)


def suggestion(word: str, *, known: Iterable[str]) -> str:
    """What was probably meant, or else everything that could be: `"port"` or `one of …`."""
    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f'"{near[0]}"' if near else "one of " + ", ".join(names)


def _quoted(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key[:80])
