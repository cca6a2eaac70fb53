"""The wheel alone, in a new environment without a source tree, serves what the repository does."""

import asyncio
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import free_port, until_ready

ROOT = Path(__file__).parents[2]
READ = "{ agents(first: 3) { nodes { id name state } totalCount } }"


def alone() -> dict[str, str]:
    """The environment of a process that is shown no source tree."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: str | Path, cwd: Path) -> str:
    told = subprocess.run(  # noqa: S603 - our own words
        command, cwd=cwd, check=False, text=True, capture_output=True, env=alone()
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.fixture(scope="module", name="installed")
def install_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; its dependencies are lent by this one, the editable package is not."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True, with_pip=False)
    python = environment / "bin" / "python"
    lent = sysconfig.get_paths()["purelib"]
    own = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=folder).strip()
    )
    # A path in a .pth file lends packages, yet runs no .pth of its own: the editable install stays behind.
    (own / "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    install = ("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(sys.executable, *install, wheel, cwd=folder)
    return environment


@asynccontextmanager
async def demo(environment: Path, *, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """`gateway demo` of the wheel."""
    port, log = free_port(), folder / "demo.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            environment / "bin" / "gateway",
            "demo",
            "--port",
            str(port),
            cwd=folder,
            env=alone(),
            stdout=output,
            stderr=output,
        )
    try:
        base_url = f"http://127.0.0.1:{port}"
        await until_ready(base_url, process=process, log=log)
        async with httpx.AsyncClient(base_url=base_url, trust_env=False) as client:
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def test_the_package_comes_from_the_wheel_and_not_from_the_source_tree(
    installed: Path, tmp_path: Path
) -> None:
    place = run(installed / "bin" / "python", "-c", "import gateway; print(gateway.__file__)", cwd=tmp_path)

    assert Path(place.strip()).is_relative_to(installed)
    assert str(ROOT / "gateway") not in place


def test_the_command_prints_the_schema_that_the_repository_holds(installed: Path, tmp_path: Path) -> None:
    told = run(installed / "bin" / "gateway", "schema", cwd=tmp_path)

    assert told == (ROOT / "schema.graphql").read_text(encoding="utf-8")


async def test_its_demo_answers_and_its_pages_have_every_asset(installed: Path, tmp_path: Path) -> None:
    async with demo(installed, folder=tmp_path) as client:
        answer = await client.post(
            "/graphql", json={"query": READ}, headers={"Authorization": "Bearer demo-key"}
        )
        page = await client.get("/graphql", headers={"accept": "text/html"})
        assets = set(re.findall(r'(?:src|href)="(/[^"]+)"', page.text))
        board = await client.get("/board")
        folder = re.findall(r'src="(board/[^"/]+)/board\.js"', board.text)[0]
        files = {path.name for path in (ROOT / "gateway" / "web" / "board").glob("*.[cjs][sv]*")}
        assets |= {f"/{folder}/{name}" for name in files}
        given = {path: (await client.get(path)).status_code for path in assets}
        invitation = (tmp_path / "demo.log").read_text(encoding="utf-8")

    assert len(answer.json()["data"]["agents"]["nodes"]) == 3
    assert page.status_code == httpx.codes.OK
    assert board.status_code == httpx.codes.OK
    assert len(files) == 18
    assert len(assets) >= 4 + len(files)
    assert f"{client.base_url}/board " in invitation
    assert set(given.values()) == {200}, given


def test_it_carries_licences_and_no_tests(installed: Path) -> None:
    [wheel] = installed.parent.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert [name for name in names if name.endswith("/LICENSE")]
    assert [name for name in names if name.endswith("/NOTICE")]
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gateway", next(name for name in tops if name.endswith(".dist-info"))}
