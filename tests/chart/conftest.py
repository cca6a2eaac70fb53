"""The tools of .ci/install-tools, wherever the test run was started from."""

import os
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".venv" / "tools" / "bin"


@pytest.fixture(autouse=True)
def tools_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [str(TOOLS), os.environ.get("PATH", ""), "/usr/sbin"]
    monkeypatch.setenv("PATH", os.pathsep.join(places))
