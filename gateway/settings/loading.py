"""Settings from a TOML file and the environment over it."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.settings.environment import overlay
from gateway.settings.errors import SettingsError
from gateway.settings.reading import read_settings
from gateway.settings.rules import check
from gateway.settings.tree import DocumentSettings, ServerSettings, Settings, TenantSettings


def load_settings(path: Path, *, environ: Mapping[str, str]) -> Settings:
    """Read, complete and check; raises `SettingsError` for the first thing that cannot be used."""
    document = _parse(_read(path), path=path)
    top = overlay(document, environ=environ, file=path)
    settings = read_settings(document, top=top)
    settings = replace(
        settings,
        server=_placed(settings.server, folder=path.parent.absolute()),
        documents=_found(settings.documents, folder=path.parent.absolute()),
        tenants=_completed(settings.tenants, folder=path.parent),
    )
    check(settings, at=top, environ=environ)
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(path, key="", expected="a file; there is none") from None
    except UnicodeDecodeError as refused:
        raise SettingsError(path, key="", expected=f"UTF-8; byte {refused.start} is not") from None
    except (OSError, ValueError) as refused:  # ValueError: a NUL in the path
        raise SettingsError(path, key="", expected=f"a readable file ({type(refused).__name__})") from None


def _parse(text: str, *, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as refused:
        # tomllib's own words may quote the source, and a secret may stand there.
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(refused))
        raise SettingsError(path, key="", expected=f"TOML{_told(place)}") from None


def _told(place: re.Match[str] | None) -> str:
    return f"; {place[1]} is not" if place else " without numbers or nesting beyond reason"


def _placed(server: ServerSettings, *, folder: Path) -> ServerSettings:
    """Files of TLS, wherever the process stands."""
    files = {name: getattr(server, name) for name in ("tls_certificate_file", "tls_key_file")}
    return replace(server, **{name: str(folder / file) for name, file in files.items() if file is not None})


def _found(documents: DocumentSettings, *, folder: Path) -> DocumentSettings:
    """Manifests, wherever the process stands."""
    return replace(documents, manifest_files=tuple(str(folder / file) for file in documents.manifest_files))


def _completed(tenants: Mapping[str, TenantSettings], *, folder: Path) -> dict[str, TenantSettings]:
    """Base URLs without a slash at the end, token files wherever the process stands."""
    return {name: _complete(tenant, folder=folder.absolute()) for name, tenant in tenants.items()}


def _complete(tenant: TenantSettings, *, folder: Path) -> TenantSettings:
    file = None if tenant.token_file is None else str(folder / tenant.token_file)
    return replace(tenant, token_file=file, base_url=tenant.base_url.rstrip("/"))
