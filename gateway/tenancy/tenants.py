"""A tenant: one customer of Evolux, and where its token comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, final
from zoneinfo import ZoneInfo

import msgspec
import structlog

from gateway.domain.ids import TenantId
from gateway.domain.secrets import ApiToken
from gateway.telemetry import events
from gateway.tenancy.signatures import signature_of

_log = structlog.get_logger("gateway.config")


class TokenSource(Protocol):
    """Where a tenant's token comes from; two sources are equal where they read the same place."""

    def current(self) -> ApiToken:
        """The token to send now."""
        ...

    def reread(self) -> bool:
        """Look again at once, as after a refused token; says whether the token is another one now."""
        ...


@final
class InlineToken(msgspec.Struct, frozen=True):
    """A token that stands in the settings."""

    token: ApiToken

    def current(self) -> ApiToken:
        """The token, always the same."""
        return self.token

    def reread(self) -> bool:
        """It never changes."""
        return False


@final
class EnvironmentToken:
    """A token in an environment variable; KeyError or ValueError where there is none at the start."""

    def __init__(self, variable: str, *, environ: Mapping[str, str]) -> None:
        self._variable = variable
        self._environ = environ
        self._token = ApiToken.parse(environ[variable])

    def current(self) -> ApiToken:
        """The token as it was last read."""
        return self._token

    def reread(self) -> bool:
        """Read the variable again; one that is gone or not a token leaves the last good one."""
        try:
            token = ApiToken.parse(self._environ[self._variable])
        except (KeyError, ValueError):
            return False
        changed = token != self._token
        self._token = token
        return changed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EnvironmentToken) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    @property
    def _place(self) -> tuple[str, ApiToken]:
        return self._variable, self._token


@final
class FileToken:
    """A token in a file, followed when that changes; OSError or ValueError where there is none at the start.

    A file that cannot be read, or holds no token, leaves the last good one and is logged once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature = signature_of(path)
        self._token = _read(path)

    def current(self) -> ApiToken:
        """The token in the file now; costs a stat, and a read after a change."""
        if signature_of(self._path) != self._signature:
            self.reread()
        return self._token

    def reread(self) -> bool:
        """Read the file again though it may look the same."""
        self._signature = signature_of(self._path)  # before the reading: a later change is seen again
        try:
            token = _read(self._path)
        except (OSError, ValueError) as refused:  # ValueError: not UTF-8, or not a token
            _log.warning(events.TOKEN_KEPT, file=str(self._path), reason=type(refused).__name__)
            return False
        changed = token != self._token
        self._token = token
        if changed:
            _log.info(events.TOKEN_REPLACED, file=str(self._path))
        return changed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileToken) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One customer of Evolux. `base_url` ends without a slash; `timezone` is what "today" means there."""

    id: TenantId
    base_url: str
    token: TokenSource
    timezone: ZoneInfo


def _read(path: Path) -> ApiToken:
    return ApiToken.parse(path.read_text(encoding="utf-8"))
