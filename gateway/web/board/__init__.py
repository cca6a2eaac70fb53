"""The board: what every agent of a call centre does now, for a wall, a desk and a phone."""

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.web.assets import Bundle, read_bundle
from gateway.web.routes import BOARD_PATH

# Nothing that is not listed here is served.
_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "board.css": "text/css",
        "board.svg": "image/svg+xml",
        **dict.fromkeys(
            (
                "api.js",
                "board.js",
                "clock.js",
                "counts.js",
                "documents.js",
                "dom.js",
                "events.js",
                "feed.js",
                "holding.js",
                "numbers.js",
                "people.js",
                "session.js",
                "sign_in.js",
                "status.js",
                "tables.js",
                "words.js",
            ),
            "text/javascript",
        ),
    }
)

# Files of this origin alone; and no script may make markup of a text at all (Trusted Types).
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; "
        "script-src 'self'; "
        "style-src 'self'; "
        "img-src 'self'; "
        "connect-src 'self'; "
        "base-uri 'none'; "
        "form-action 'none'; "
        "frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; "
        "trusted-types 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)


@cache
def _read_bundle() -> Bundle:
    return read_bundle(__name__, media_types=_MEDIA_TYPES)


def board_page() -> Response:
    """The page. It names assets and endpoint relative to itself, so that a proxy may put all below a path."""
    bundle = _read_bundle()
    assets = f"{PurePosixPath(BOARD_PATH).name}/{bundle.version}"
    return HTMLResponse(bundle.page.substitute(assets=escape(assets)), headers=dict(_HEADERS))


def board_routes() -> list[Route]:
    """`/board` and, for each asset, `/board/<version>/<name>`; read from the package once per process."""

    async def show(_: Request) -> Response:
        return board_page()

    page = Route(BOARD_PATH, show, methods=["GET"], include_in_schema=False)
    return [page, *_read_bundle().routes(BOARD_PATH)]
