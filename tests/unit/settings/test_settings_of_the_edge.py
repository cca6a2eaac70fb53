"""Settings of origins and documents: where they are found, and what is refused."""

from pathlib import Path

import pytest

from tests.unit.settings.files import GOOD, load, refused


def test_manifests_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "persisted.json").write_text("{}")
    settings = load(tmp_path, GOOD + '[documents]\nmanifest_files = ["persisted.json"]\n')
    assert settings.documents.manifest_files == (str(tmp_path / "persisted.json"),)


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD + '[documents]\nmanifest_files = ["persisted.json"]\n')
    assert (error.key, error.expected) == ("documents.manifest_files[0]", "a file; there is none")


def test_a_caller_who_must_use_manifests_needs_one(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD + 'documents = "require"\n')
    assert error.key == "callers.wallboard.documents"
    assert error.expected == "documents.manifest_files, for this caller may run nothing else"


def test_origins_are_taken_as_a_browser_sends_them(tmp_path: Path) -> None:
    text = GOOD + '[server]\ncors_origins = ["https://board.example.com", "http://localhost:5173"]\n'
    assert load(tmp_path, text).server.cors_origins == ("https://board.example.com", "http://localhost:5173")


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "board.example.com", "https://board.example.com/", "https://Board.example.com", "file://x"],
)
def test_what_is_no_origin_is_refused(tmp_path: Path, origin: str) -> None:
    error = refused(tmp_path, GOOD + f'[server]\ncors_origins = ["{origin}"]\n')
    assert error.key == "server.cors_origins[0]"
    assert error.expected == 'an origin such as "https://board.example.com"'
