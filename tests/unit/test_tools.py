from pathlib import Path

import pytest

from tests.tools import require_tool


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "some-tool"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o700)
    return path


def test_a_tool_is_found_on_the_search_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))

    assert require_tool("some-tool") == program


def test_the_environment_may_name_a_tool_elsewhere(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOOL", str(program))

    assert require_tool("some-tool") == program


def test_a_missing_tool_is_skipped_with_a_plain_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(
        pytest.skip.Exception, match=r"^no-such-tool is missing: .* set NO_SUCH_TOOL to its path$"
    ):
        require_tool("no-such-tool")


def test_a_missing_tool_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match=r"^no-such-tool is missing"):
        require_tool("no-such-tool")
