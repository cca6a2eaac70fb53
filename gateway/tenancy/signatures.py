"""How a file on disk is known to have changed without reading it."""

import os
from pathlib import Path
from typing import NamedTuple


class Signature(NamedTuple):
    """What differs after an edit, a replacement, or a swap of Kubernetes's `..data` link."""

    modified_at_ns: int
    changed_at_ns: int
    inode: int
    size_bytes: int
    resolved_path: str


def signature_of(path: Path) -> Signature | None:
    """The signature of the file behind the path; None where there is none to read."""
    try:
        status = path.stat()
        resolved = os.path.realpath(path, strict=True)
    except OSError:
        return None
    return Signature(status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, resolved)
