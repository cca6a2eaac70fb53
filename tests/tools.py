"""Programs that some tests drive and that Python's package index does not carry."""

import os
import shutil
from pathlib import Path

import pytest


def require_tool(name: str) -> Path:
    """The program `name` from `$NAME` or the search path.

    Where it is missing the test is skipped with a plain reason; with `CI` set it fails, so that no build
    is green without it.
    """
    variable = name.upper().replace("-", "_")
    found = shutil.which(os.environ.get(variable) or name)
    if found is not None:
        return Path(found)
    reason = f"{name} is missing: install it, or set {variable} to its path"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
