"""Programs that some tests drive and that Python's package index does not carry."""

import os
import shutil
from pathlib import Path

import pytest

_INSTALLED = Path(__file__).parents[1] / ".venv" / "tools" / "bin"


def require_tool(name: str) -> Path:
    """The program `name` from `$NAME`, the search path or where .ci/install-tools puts programs.

    Where it is missing the test is skipped with a plain reason; with `CI` set it fails, so that no build
    is green without it.
    """
    variable = name.upper().replace("-", "_")
    where = os.pathsep.join((os.environ.get("PATH", os.defpath), str(_INSTALLED)))
    found = shutil.which(os.environ.get(variable) or name, path=where)
    if found is not None:
        return Path(found)
    reason = f"{name} is missing: install it, or set {variable} to its path"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
