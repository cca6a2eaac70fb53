"""Pages of the package: read once, their assets under a version that changes with any byte of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_NOTHING: Final[Mapping[str, Mapping[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that a page loads, as it is sent."""

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

    def route(self, folder: str) -> Route:
        """Serves this asset as `<folder>/<name>`."""

        async def serve(request: Request) -> Response:
            return self.respond(request.headers.get("If-None-Match", ""))

        return Route(f"{folder}/{self.name}", serve, methods=["GET"], include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A page and its assets; `version` changes with any byte of an asset, so that caching may last."""

    page: Template
    assets: tuple[Asset, ...]
    version: str

    def routes(self, path: str) -> list[Route]:
        """One route per asset, `<path>/<version>/<name>`."""
        return [asset.route(f"{path}/{self.version}") for asset in self.assets]


def read_bundle(
    package: str, *, media_types: Mapping[str, str], borrowed: Mapping[str, Mapping[str, str]] = _NOTHING
) -> Bundle:
    """Read `index.html` and the listed files (path inside the package -> media type); no other is served.

    `borrowed` lists files of other packages in the same way, by package.
    """
    folder = files(package)
    listed = {package: media_types, **borrowed}
    assets = tuple(
        _read_asset(
            files(where).joinpath(path).read_bytes(), name=path.rpartition("/")[2], media_type=media_type
        )
        for where, paths in listed.items()
        for path, media_type in paths.items()
    )
    version = hashlib.sha256("".join(asset.etag for asset in assets).encode()).hexdigest()[:16]
    page = Template(folder.joinpath("index.html").read_text(encoding="utf-8"))
    return Bundle(page=page, assets=assets, version=version)


def _read_asset(body: bytes, *, name: str, media_type: str) -> Asset:
    return Asset(name=name, media_type=media_type, body=body, etag=f'"{hashlib.sha256(body).hexdigest()}"')
