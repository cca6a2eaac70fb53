# ruff: noqa: INP001, T201, S101, S603 - a program to run by hand; its asserts are what is tried
"""Run the image as the chart runs it, without a container engine: `try_image.py [IMAGE]`, as root.

Read-only root, user 65532, no capabilities, no new privileges, 128 MiB; in front of a simulator of 1,000
agents on the loopback. Needs buildah, runc and the project's own Python. Exit code 0: all as it should be.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.simulator.server import running
from gateway.simulator.world import World

KEY, TOKEN = "key-of-the-trial", "token-of-the-trial"
NAME: Final = f"evolux-gateway-trial-{os.getpid()}"
PORT: Final = 18_231
MEMORY_BYTES: Final = 128 * 2**20
CONFIG: Final = """
[server]
host = "127.0.0.1"
port = {port}
drain_seconds = 0.5
[tenants.acme]
base_url = "{base_url}"
token_file = "acme"
[callers.trial]
key_sha256 = "{digest}"
tenants = ["acme"]
scopes = ["agents:read"]
"""


def words(*command: str) -> str:
    """Run a command; gives what it printed, fails where it failed."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def bundle(image: str, *, rootfs: str, config: Path) -> dict[str, Any]:
    """The OCI run-time configuration: the image's own entry point, the chart's constraints."""
    made = json.loads(words("buildah", "inspect", "--type", "image", image))["OCIv1"]["config"]
    return {
        "ociVersion": "1.0.0",
        "root": {"path": rootfs, "readonly": True},
        "process": {
            "user": dict(zip(("uid", "gid"), map(int, made["User"].split(":")), strict=True)),
            "args": [*made["Entrypoint"], "serve", "--config", "/etc/gateway/gateway.toml"],
            "env": made["Env"],
            "cwd": made["WorkingDir"],
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=16m"]},  # noqa: S108 - in the container
            {
                "destination": "/etc/gateway",
                "type": "bind",
                "source": str(config),
                "options": ["bind", "ro"],
            },
        ],
        "linux": {
            "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
            "resources": {"memory": {"limit": MEMORY_BYTES, "swap": MEMORY_BYTES}},
            "maskedPaths": ["/proc/kcore", "/proc/keys"],
            "readonlyPaths": ["/proc/sys"],
        },
    }


async def try_image(image: str, *, folder: Path, rootfs: str) -> None:
    """Start, ask, look for what must not be, stop."""
    config = folder / "config"
    async with running(World.seeded(1000, token=TOKEN)) as simulator:
        text = CONFIG.format(port=PORT, base_url=simulator.base_url, digest=sha256(KEY.encode()).hexdigest())
        (config / "gateway.toml").write_text(text)
        (config / "acme").write_text(TOKEN)
        (folder / "config.json").write_text(json.dumps(bundle(image, rootfs=rootfs, config=config)))
        process = await asyncio.create_subprocess_exec("runc", "run", "--bundle", str(folder), NAME)
        try:
            await ask()
            await look()
        finally:
            await asyncio.to_thread(subprocess.run, ["runc", "kill", NAME, "TERM"], check=False)
            exit_code = await asyncio.wait_for(process.wait(), 40)
    print("exit code after SIGTERM:", exit_code)
    assert exit_code == 0


async def ask() -> None:
    """Wait until it is ready, then read every agent fifty times."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", trust_env=False) as client:
        ready = await first_answer(client)
        print("/readyz:", ready.status_code, ready.text)
        query = {"query": "{ agents(first: 500) { nodes { id name state queues { id } } totalCount } }"}
        for _ in range(50):
            answer = await client.post("/graphql", json=query, headers={"Authorization": f"Bearer {KEY}"})
        print("agents:", answer.json()["data"]["agents"]["totalCount"])


async def first_answer(client: httpx.AsyncClient) -> httpx.Response:
    """Readiness once somebody answers, within half a minute."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await client.get("/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def look() -> None:
    """What the kernel says of the process, from outside."""
    state = json.loads(await asyncio.to_thread(words, "runc", "state", NAME))
    lines = await asyncio.to_thread(Path(f"/proc/{state['pid']}/status").read_text)
    status = dict(line.split(":\t", 1) for line in lines.splitlines())
    resident_mib = int(status["VmRSS"].split()[0]) // 1024
    print(f"user {status['Uid'].split()[0]}, capabilities {status['CapEff']}, {resident_mib} MiB of 128")
    assert status["Uid"].split()[0] == "65532"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    write = ["runc", "exec", NAME, "/opt/gateway/bin/python", "-c", "open('/opt/gateway/x', 'w')"]
    refused = await asyncio.to_thread(subprocess.run, write, capture_output=True, text=True, check=False)
    print("writing into the image:", refused.stderr.strip().splitlines()[-1])
    assert "Read-only file system" in refused.stderr


def main() -> None:
    """Mount the image, try it, and put everything away."""
    image = sys.argv[1] if len(sys.argv) > 1 else "localhost/evolux-gateway:dev"
    container = words("buildah", "from", "--pull-never", image)
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            (Path(folder) / "config").mkdir()
            rootfs = words("buildah", "mount", container)
            asyncio.run(try_image(image, folder=Path(folder), rootfs=rootfs))
    finally:
        words("buildah", "umount", container)
        words("buildah", "rm", container)


if __name__ == "__main__":
    main()
