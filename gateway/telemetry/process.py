"""What this process uses of its machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def cpu_seconds() -> float:
    """User and system processor time since the start, in seconds."""
    times = os.times()
    return times.user + times.system


def resident_bytes() -> Iterator[int]:
    """Memory in RAM, in bytes; nothing where the system does not tell."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return
    yield pages * os.sysconf("SC_PAGE_SIZE")
