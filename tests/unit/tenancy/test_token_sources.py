"""Where a tenant's token comes from, and how a rotated one is followed."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.domain.secrets import ApiToken
from gateway.tenancy import EnvironmentToken, FileToken, InlineToken
from gateway.tenancy.signatures import signature_of

FIRST, SECOND = "pl4nted-first", "pl4nted-second"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "acme.token"
    file.write_text(f"{FIRST}\n")
    return file


def test_a_token_file_is_read_without_its_line_end(file: Path) -> None:
    assert FileToken(file).current() == ApiToken(FIRST)


def test_an_edited_token_file_is_followed(file: Path) -> None:
    source = FileToken(file)
    file.write_text(f"{SECOND}\n")
    with capture_logs() as logs:
        assert source.current() == ApiToken(SECOND)
        assert source.current() == ApiToken(SECOND)
    assert logs == [{"event": "tenant.token_replaced", "log_level": "info", "file": str(file)}]


def test_a_replaced_token_file_is_followed(file: Path) -> None:
    source = FileToken(file)
    new = file.with_name("new")
    new.write_text(SECOND)
    new.replace(file)
    assert source.current() == ApiToken(SECOND)


def test_a_swap_of_the_kubernetes_data_link_is_followed(tmp_path: Path) -> None:
    for version, token in (("..1", FIRST), ("..2", SECOND)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "acme").write_text(token)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "acme").symlink_to("..data/acme")
    source = FileToken(tmp_path / "acme")
    assert source.current() == ApiToken(FIRST)
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert source.current() == ApiToken(SECOND)


def test_a_link_to_another_path_is_another_file_though_all_else_is_alike(file: Path) -> None:
    twin, link = file.with_name("twin"), file.with_name("link")
    twin.hardlink_to(file)
    link.symlink_to(file)
    before = signature_of(link)
    link.unlink()
    link.symlink_to(twin)
    assert before is not None
    assert signature_of(link) == before._replace(resolved_path=str(twin))


def test_an_unchanged_token_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FileToken(file)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert source.current() == ApiToken(FIRST)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "FileNotFoundError"),
        (b"", "ValueError"),
        (b"\n", "ValueError"),
        (b"pl4nted-broken twice", "ValueError"),
        (b"pl4nted-broken\xff", "UnicodeDecodeError"),
    ],
)
def test_a_broken_token_file_keeps_the_last_good_token_and_is_logged_once(
    file: Path, content: bytes | None, reason: str
) -> None:
    source = FileToken(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with capture_logs() as logs:
        assert [source.current() for _ in range(3)] == [ApiToken(FIRST)] * 3
    assert logs == [
        {"event": "tenant.token_kept", "log_level": "warning", "file": str(file), "reason": reason}
    ]
    file.write_text(SECOND)
    assert source.current() == ApiToken(SECOND)


def test_a_forced_reread_says_whether_the_token_changed(file: Path) -> None:
    source = FileToken(file)
    assert source.reread() is False
    file.write_text(SECOND)
    assert source.reread() is True
    assert source.reread() is False
    assert source.current() == ApiToken(SECOND)
    file.unlink()
    assert source.reread() is False
    assert source.current() == ApiToken(SECOND)


def test_a_token_file_must_be_good_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileToken(tmp_path / "none")


def test_a_token_variable_is_read_again_only_when_asked() -> None:
    environ = {"ACME_TOKEN": FIRST}
    source = EnvironmentToken("ACME_TOKEN", environ=environ)
    environ["ACME_TOKEN"] = f"{SECOND}\n"
    assert source.current() == ApiToken(FIRST)
    assert source.reread() is True
    assert source.current() == ApiToken(SECOND)
    assert source.reread() is False


def test_a_token_variable_that_is_gone_keeps_the_last_good_token() -> None:
    environ = {"ACME_TOKEN": FIRST}
    source = EnvironmentToken("ACME_TOKEN", environ=environ)
    environ["ACME_TOKEN"] = ""
    assert source.reread() is False
    del environ["ACME_TOKEN"]
    assert source.reread() is False
    assert source.current() == ApiToken(FIRST)


def test_a_token_in_the_settings_never_changes() -> None:
    source = InlineToken(ApiToken(FIRST))
    assert (source.current(), source.reread()) == (ApiToken(FIRST), False)


def test_sources_are_equal_where_they_read_the_same_place(file: Path) -> None:
    environ = {"A": FIRST, "B": FIRST}
    assert FileToken(file) == FileToken(file)
    assert hash(FileToken(file)) == hash(FileToken(file))
    assert EnvironmentToken("A", environ=environ) == EnvironmentToken("A", environ=environ)
    assert EnvironmentToken("A", environ=environ) != EnvironmentToken("B", environ=environ)
    assert len({EnvironmentToken(one, environ=environ) for one in "ABA"}) == 2
    assert FileToken(file) != InlineToken(ApiToken(FIRST))
    assert EnvironmentToken("A", environ=environ) != FileToken(file)


def test_no_source_prints_its_token(file: Path) -> None:
    sources = [FileToken(file), EnvironmentToken("A", environ={"A": FIRST}), InlineToken(ApiToken(FIRST))]
    assert FIRST not in repr(sources) + str([str(one) for one in sources])
