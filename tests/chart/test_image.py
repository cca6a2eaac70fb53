"""The Dockerfile: clean for the linters, readable for old builders, and complete in what it copies."""

import re
import subprocess
from pathlib import Path

from tests.chart.rendering import ROOT, run
from tests.tools import require_tool

DOCKERFILE = ROOT / "Dockerfile"


def instructions() -> list[str]:
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [re.sub(r"\s+", " ", line) for line in lines]


def test_hadolint_finds_nothing_that_is_not_justified_in_place() -> None:
    told = run("hadolint", "--failure-threshold", "info", DOCKERFILE)

    assert (told.returncode, told.stdout) == (0, "")


def test_checkov_finds_nothing_that_is_not_justified_in_place() -> None:
    told = run("checkov", "-f", DOCKERFILE, "--compact", "--quiet", "--skip-download")

    assert told.returncode == 0, told.stdout
    assert "Failed checks: 0" in told.stdout


def test_nothing_runs_in_a_shell_and_nothing_needs_a_newer_builder() -> None:
    for line in instructions():
        word, _, rest = line.partition(" ")
        if word in {"RUN", "ENTRYPOINT", "CMD"}:
            assert rest.startswith('["'), line
        assert "<<" not in line
        assert not re.match(r"COPY .*--(link|parents|exclude)", line)
        assert "--mount" not in line
    assert "syntax=" not in DOCKERFILE.read_text(encoding="utf-8")


def test_it_runs_as_a_numeric_user_that_is_not_root_and_says_how_it_is_stopped() -> None:
    assert "USER 65532:65532" in instructions()
    assert "STOPSIGNAL SIGTERM" in instructions()
    assert any(line.startswith("HEALTHCHECK") for line in instructions())


def test_the_build_context_holds_what_is_copied_and_no_secrets() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] == "!"
    }
    copied = set()
    for line in instructions():
        if line.startswith("COPY") and "--from" not in line:
            copied |= set(line.split()[1:-1])

    assert copied == allowed
    for path in copied:
        assert (ROOT / path).exists(), path


def test_settled_times_make_two_builds_of_one_tree_equal(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("x", encoding="utf-8")
    (tmp_path / "link").symlink_to("nowhere")

    subprocess.run(  # noqa: S603 - our own script
        [require_tool("python3"), ROOT / "scripts" / "settle_times.py", tmp_path],
        env={"SOURCE_DATE_EPOCH": "86400"},
        check=True,
    )

    found = [tmp_path, *tmp_path.rglob("*")]
    assert len(found) == 4
    assert {int(path.lstat().st_mtime) for path in found} == {86_400}
