"""A good edit is applied, a broken one is told once and left."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.settings import Settings, SettingsError, load_settings
from gateway.tenancy import ConfigWatcher

PLANTED = "pl4nted-s3cret"
GOOD = f'[tenants.acme]\nbase_url = "https://acme.evolux.net.br"\ntoken = "{PLANTED}"\n'
BETTER = GOOD + '[tenants.beta]\nbase_url = "https://beta.evolux.net.br"\ntoken_file = "beta.token"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD)
    (tmp_path / "beta.token").write_text(PLANTED)
    return file


def watcher(file: Path, *, apply: Callable[[Settings], object]) -> ConfigWatcher[Settings]:
    load = partial(load_settings, file, environ={})
    return ConfigWatcher(file, load=load, apply=apply, refusal=SettingsError)


def edit(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)


async def test_an_unchanged_file_is_not_loaded(file: Path) -> None:
    applied: list[Settings] = []
    assert await watcher(file, apply=applied.append).look() is False
    assert applied == []


async def test_a_good_edit_is_applied_once(file: Path) -> None:
    applied: list[Settings] = []
    watching = watcher(file, apply=applied.append)
    edit(file, BETTER)
    with capture_logs() as logs:
        assert await watching.look() is True
        assert await watching.look() is False
    assert [set(one.tenants) for one in applied] == [{"acme", "beta"}]
    assert logs == [{"event": "config.applied", "log_level": "info", "file": str(file)}]


async def test_a_swap_of_the_kubernetes_data_link_is_an_edit(tmp_path: Path) -> None:
    for version, text in (("..1", GOOD), ("..2", GOOD.replace("acme", "beta"))):
        (tmp_path / version).mkdir()
        (tmp_path / version / "gateway.toml").write_text(text)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "gateway.toml").symlink_to("..data/gateway.toml")
    applied: list[Settings] = []
    watching = watcher(tmp_path / "gateway.toml", apply=applied.append)
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert await watching.look() is True
    assert [set(one.tenants) for one in applied] == [{"beta"}]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("", "tenants: expected at least one table [tenants.<id>]"),
        (GOOD.removesuffix('"\n'), "expected TOML; end of document is not"),
        (GOOD.replace("token", "tokn"), 'tenants.acme.tokn: expected "token"; there is no such setting'),
        (GOOD + f'key_sha256 = "{PLANTED}"\n', "tenants.acme.key_sha256: expected one of"),
        (None, "expected a file; there is none"),
    ],
)
async def test_a_broken_edit_keeps_the_last_good_and_is_logged_once_without_its_values(
    file: Path, broken: str | None, told: str
) -> None:
    applied: list[Settings] = []
    watching = watcher(file, apply=applied.append)
    edit(file, broken)
    with capture_logs() as logs:
        assert [await watching.look() for _ in range(3)] == [False] * 3
    assert applied == []
    assert [(line["event"], line["log_level"], line["file"]) for line in logs] == [
        ("config.kept", "error", str(file))
    ]
    assert told in logs[0]["reason"]
    assert PLANTED not in repr(logs)
    edit(file, BETTER)
    assert await watching.look() is True
    assert len(applied) == 1


async def test_a_second_broken_edit_is_told_too(file: Path) -> None:
    watching = watcher(file, apply=lambda _: pytest.fail("applied"))
    with capture_logs() as logs:
        for broken in ("x", "xx"):
            edit(file, broken)
            await watching.look()
            await watching.look()
    assert [line["event"] for line in logs] == ["config.kept", "config.kept"]


async def test_a_token_file_that_comes_after_the_edit_is_waited_for(file: Path) -> None:
    applied: list[Settings] = []
    watching = watcher(file, apply=applied.append)
    token = file.with_name("beta.token")
    token.unlink()
    edit(file, BETTER)
    assert await watching.look() is False
    token.write_text(PLANTED)
    assert await watching.look() is True
    assert len(applied) == 1


async def test_a_defect_while_applying_does_not_end_the_watch_nor_show_its_text(file: Path) -> None:
    def apply(_: Settings) -> None:
        raise LookupError(PLANTED)

    watching = watcher(file, apply=apply)
    edit(file, BETTER)
    with capture_logs() as logs:
        assert [await watching.look() for _ in range(2)] == [False, False]
    assert logs == [
        {"event": "config.kept", "log_level": "error", "file": str(file), "reason": "LookupError"}
    ]


async def test_the_watch_looks_after_every_interval_until_it_is_cancelled(file: Path) -> None:
    slept: list[float] = []
    applied = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            edit(file, BETTER)
        await asyncio.sleep(0)

    watching = ConfigWatcher(
        file,
        load=partial(load_settings, file, environ={}),
        apply=lambda _: applied.set(),
        refusal=SettingsError,
        sleep=sleep,
        interval_seconds=0.25,
    )
    task = asyncio.create_task(watching.run())
    await asyncio.wait_for(applied.wait(), timeout=5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slept[:2] == [0.25, 0.25]
