"""Checks on what a write is given, made before anything is sent. No message quotes a value."""

import unicodedata
from typing import Final

from strawberry import UNSET

from gateway.domain.errors import BadUserInput

MAX_TEXT_CHARS: Final = 255
MAX_PRIORITY: Final = 1_000

Path = tuple[str, ...]


def check_text(text: str, *, field: Path) -> str:
    """Give the text back; `BadUserInput` where it is blank, too long or holds control characters."""
    name = field[-1]
    if not text.strip():
        raise BadUserInput(f"{name} must not be blank.", field=field)
    if len(text) > MAX_TEXT_CHARS:
        raise BadUserInput(f"{name} is longer than {MAX_TEXT_CHARS} characters.", field=field)
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise BadUserInput(f"{name} holds control characters.", field=field)
    return text


def check_priority(priority: int, *, field: Path) -> int:
    """Give the priority back; `BadUserInput` where it is out of 0 to `MAX_PRIORITY`."""
    if not 0 <= priority <= MAX_PRIORITY:
        raise BadUserInput(f"priority must be from 0 to {MAX_PRIORITY}.", field=field)
    return priority


def is_given(value: object, *, field: Path) -> bool:
    """Say whether a caller gave the value; `BadUserInput` for a null, which says neither what nor nothing."""
    if value is None:
        raise BadUserInput(f"{field[-1]} cannot be null: leave it out to keep it as it is.", field=field)
    return value is not UNSET
