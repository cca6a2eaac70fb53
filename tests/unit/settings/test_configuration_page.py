"""docs/configuration.md says what the settings say."""

import subprocess
import sys
from pathlib import Path

import msgspec

from gateway.settings.environment import sections
from gateway.settings.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_the_one_the_settings_write() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m gateway.settings > docs/configuration.md"
    )


def test_every_setting_stands_on_the_page_with_a_meaning() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `") and line.count(" | ") >= 4]
    fields = [field.name for kind in sections().values() for field in msgspec.structs.fields(kind)]
    assert [row.split("`")[1] for row in rows] == fields
    assert all(row.removesuffix(" |").endswith(".") or "`" in row[-8:] for row in rows)


def test_the_module_prints_the_page() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gateway.settings"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
        cwd=PAGE.parents[1],
    )
    assert printed.stdout == reference()
    assert printed.stderr == ""
