"""Messages as they may be shown: nothing that UTF-8 or a log cannot take, and no longer than is useful."""

import re
from typing import Final

MAX_MESSAGE_CHARS: Final = 1_000
_UNENCODABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


def showable(message: str) -> str:
    """The message as any answer can carry it."""
    return _UNENCODABLE.sub("\N{REPLACEMENT CHARACTER}", message)[:MAX_MESSAGE_CHARS]
