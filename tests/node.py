"""Node programs that tests run: packages installed from a lock beside them, output read line by line."""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.tools import require_tool


def install(folder: Path) -> None:
    """Install exactly what the folder's package-lock.json names, once per lock; safe among processes."""
    npm = require_tool("npm")
    lock = (folder / "package-lock.json").read_bytes()
    target = folder / "node_modules"
    stamp = target / ".installed"
    with (folder / ".installing").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_bytes() == lock:
            return
        shutil.rmtree(target, ignore_errors=True)
        _run_npm(npm, folder=folder)
        stamp.write_bytes(lock)


def _run_npm(npm: Path, *, folder: Path) -> None:
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - our own folder
    assert done.returncode == 0, done.stderr


async def run(script: Path, *, environ: Mapping[str, str], timeout_seconds: float = 60) -> list[str]:
    """Run the script to its end and give the lines it wrote; a failing exit fails the test."""
    node = require_tool("node")
    process = await asyncio.create_subprocess_exec(
        node,
        script.name,
        cwd=script.parent,
        env={"PATH": os.environ["PATH"], **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(timeout_seconds):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()
