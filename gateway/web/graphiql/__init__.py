"""GraphiQL for a browser that opens the GraphQL endpoint: one page and its assets, all from this package."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

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


@dataclass(frozen=True, slots=True)
class _Asset:
    name: str
    media_type: str
    body: bytes
    etag: str

    def respond(self, if_none_match: str) -> Response:
        """The bytes, or 304 where the browser already holds them."""
        headers = {
            "ETag": self.etag,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        held = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if held & {self.etag, "*"}:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)

    def route(self, version: str) -> Route:
        """Serves this asset under the bundle's version."""

        async def serve(request: Request) -> Response:
            return self.respond(request.headers.get("If-None-Match", ""))

        return Route(f"{ASSETS_PATH}/{version}/{self.name}", serve, methods=["GET"], include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The page and its assets; `version` changes with any byte of an asset, so that caching may last."""

    page: Template
    assets: tuple[_Asset, ...]
    version: str


@cache
def _read_bundle() -> _Bundle:
    package = files(__name__)
    assets = tuple(
        _read_asset(package.joinpath(path).read_bytes(), name=path.rpartition("/")[2], media_type=media_type)
        for path, media_type in _MEDIA_TYPES.items()
    )
    version = hashlib.sha256("".join(asset.etag for asset in assets).encode()).hexdigest()[:16]
    page = Template(package.joinpath("index.html").read_text(encoding="utf-8"))
    return _Bundle(page=page, assets=assets, version=version)


def _read_asset(body: bytes, *, name: str, media_type: str) -> _Asset:
    return _Asset(name=name, media_type=media_type, body=body, etag=f'"{hashlib.sha256(body).hexdigest()}"')


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
    bundle = _read_bundle()
    return [asset.route(bundle.version) for asset in bundle.assets]
