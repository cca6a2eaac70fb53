"""GraphiQL for a browser that opens the GraphQL endpoint: one page and its assets, all from this package."""

import secrets
from collections.abc import Mapping
from functools import cache
from html import escape
from string import Template
from types import MappingProxyType
from typing import Final

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.web.assets import Bundle, read_bundle

ASSETS_PATH: Final = "/graphql-assets"

# Path inside this package -> media type. Nothing that is not listed here is served.
_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "vendor/react.production.min.js": "text/javascript",
        "vendor/react-dom.production.min.js": "text/javascript",
        "vendor/graphiql.min.js": "text/javascript",
        "vendor/graphiql.min.css": "text/css",
        "graphiql.js": "text/javascript",
        "graphiql.css": "text/css",
    }
)

# Loaded when a subscription is run.
_BORROWED: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"gateway.web.board": {"events.js": "text/javascript"}}
)

# Scripts: files only. Styles: files, the <style> element that GraphiQL's dialogs write (with the nonce), and
# style attributes, which CodeMirror's jump-to-line box and tables in descriptions are made with. The fonts
# stand as data: URLs in GraphiQL's style sheet.
_POLICY: Final = Template(
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "style-src-elem 'self' 'nonce-$nonce'; "
    "style-src-attr 'unsafe-inline'; "
    "font-src data:; "
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)


@cache
def _read_bundle() -> Bundle:
    return read_bundle(__name__, media_types=_MEDIA_TYPES, borrowed=_BORROWED)


def graphiql_page(*, endpoint: str) -> Response:
    """The GraphiQL page asking `endpoint`, its absolute path as the browser knows it (with a proxy's prefix).

    The assets are expected beside the endpoint: `/graphql` loads them from `/graphql-assets/…`.
    """
    bundle = _read_bundle()
    nonce = secrets.token_urlsafe(16)
    assets = f"{endpoint.rpartition('/')[0]}{ASSETS_PATH}/{bundle.version}"
    html = bundle.page.substitute(endpoint=escape(endpoint), assets=escape(assets), nonce=nonce)
    headers = {
        "Content-Security-Policy": _POLICY.substitute(nonce=nonce),
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(html, headers=headers)


def asset_routes() -> list[Route]:
    """One route per asset, `/graphql-assets/<version>/<name>`; read from the package once per process."""
    return _read_bundle().routes(ASSETS_PATH)
