"""The net under the suite catches what it is for: a pytest of its own is run with it, and fails."""

import base64
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.leak_net import LeakNet, secrets_in

ROOT = Path(__file__).parents[2]
SECRET = b"planted-token-of-acme"
JWT = b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3YWxsYm9hcmQifQ.c2lnbmF0dXJlLW9mLTE2LWJ5dGVz"
LEAKY = """
import io
from tests.served import KEY, TOKEN, serving, token_of
from gateway.simulator.world import World
from gateway.telemetry.telemetry import Telemetry

async def logs() -> None:
    telemetry = Telemetry.start("t", log_format="json", log_stream=io.StringIO())
    telemetry.logger("gateway").warning("upstream.said", text=f"o token {TOKEN} falhou")
    telemetry.shutdown()

async def answers() -> None:
    world = World(token=token_of("acme"))
    world.add_agent(KEY, login="ana")
    async with serving(world) as (served, _):
        await served.ask("{ agents { nodes { name } } }")

async def nothing() -> None:
    world = World(token=token_of("acme"))
    async with serving(world) as (served, _):
        await served.ask("{ agents { nodes { name } } }")
        await served.post("{ viewer { name } }", key="planted-key-of-nobody")

async def test_it() -> None:
    await WHAT()
"""


def test_a_secret_is_found_however_it_is_written() -> None:
    for before in (b"", b"a", b"ab", b"Bearer "):
        for form in (SECRET, SECRET.hex().encode(), base64.b64encode(before + SECRET), JWT):
            assert secrets_in(b'{"text": "' + form + b'"}'), form


@pytest.mark.parametrize("text", ["planted-login", "planted", "eyJ0b3RhbCI6IDF9", "eyJhIjo.not"])
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert secrets_in(text.encode()) == []


def test_what_valkey_keeps_packed_is_unpacked() -> None:
    net = LeakNet()
    net.look_into_valkey({b"a key": b"\x93\x01" + zlib.compress(b"[" + SECRET + b"]", 1)})
    [caught] = net.empty()
    assert caught.startswith("valkey: b'planted-token-of-acme]")
    assert net.empty() == []


@pytest.mark.parametrize(
    ("what", "told"), [("logs", "logs: b'planted-token"), ("answers", "answers: b'planted-key")]
)
def test_a_test_that_lets_a_secret_out_fails_though_it_asserts_nothing(
    what: str, told: str, tmp_path: Path
) -> None:
    code, output = run_alone(what, folder=tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert "the gateway let out what a test had planted" in output
    assert told in output


def test_a_test_that_uses_secrets_and_lets_none_out_passes(tmp_path: Path) -> None:
    code, output = run_alone("nothing", folder=tmp_path)
    assert code == pytest.ExitCode.OK, output


def run_alone(what: str, *, folder: Path) -> tuple[int, str]:
    """Run the leaky test under the suite's own conftest."""
    script = folder / "test_leaky.py"
    script.write_text(LEAKY.replace("WHAT", what), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [*command, "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), str(script)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
