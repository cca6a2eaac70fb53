# ruff: noqa: INP001 - programs to run, not a package to import
"""Give every file below a folder one time, `SOURCE_DATE_EPOCH`, so that a layer is the same tomorrow."""

import os
import sys
from pathlib import Path


def settle(folder: Path, *, at: int) -> None:
    """Set the times of everything below, links themselves and not what they point to."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (at, at), follow_symlinks=False)


if __name__ == "__main__":
    settle(Path(sys.argv[1]), at=int(os.environ["SOURCE_DATE_EPOCH"]))
