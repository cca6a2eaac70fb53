"""A settings file that loads, and ways to break it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError, load_settings

PLANTED = "pl4nted-s3cret"
DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
OTHER_DIGEST = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
GOOD = f"""\
[tenants.acme]
base_url = "https://acme.evolux.net.br"
token = "{PLANTED}"

[callers.wallboard]
key_sha256 = "{DIGEST}"
tenants = ["acme"]
scopes = ["agents:read"]
"""


def load(folder: Path, text: str | bytes, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings as they are read from a file with this text."""
    file = folder / "gateway.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(file, environ=environ or {})


def refused(folder: Path, text: str | bytes, *, environ: Mapping[str, str] | None = None) -> SettingsError:
    """The refusal of a file with this text; it names the file, key and expectation, and no secret."""
    with pytest.raises(SettingsError) as caught:
        load(folder, text, environ=environ)
    told = str(caught.value)
    assert told.startswith(f"{folder / 'gateway.toml'}: {caught.value.key}")
    assert told.endswith(f"expected {caught.value.expected}")
    assert "\n" not in told
    assert PLANTED not in told + repr(caught.value)
    return caught.value
