import hashlib
import re
import tomllib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.graphiql import ASSETS_PATH, asset_routes, graphiql_page

VENDOR = files("gateway.web.graphiql") / "vendor"
PACKAGES: list[dict[str, Any]] = tomllib.loads((VENDOR / "VERSIONS.toml").read_text("utf-8"))["packages"]
VENDORED = {file["name"]: file["sha256"] for package in PACKAGES for file in package["files"]}
OWN = {"graphiql.js", "graphiql.css"}


async def show(_: Request) -> Response:
    return graphiql_page(endpoint="/graphql")


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/graphql", show), *asset_routes()])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def asset_urls(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(?!data:)([^"]*)"', html)


def policy_of(response: Response) -> dict[str, str]:
    directives = response.headers["Content-Security-Policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


def test_every_vendored_file_is_byte_for_byte_the_release() -> None:
    actual = {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in VENDORED}

    assert actual == VENDORED


def test_nothing_stands_in_vendor_that_the_table_does_not_name() -> None:
    licences = {name for package in PACKAGES for name in package["license_files"]}
    present = {entry.name for entry in VENDOR.iterdir()}

    assert present == {*VENDORED, *licences, "VERSIONS.toml", ".gitattributes"}


async def test_the_page_loads_each_asset_once_and_from_this_origin(browser: httpx.AsyncClient) -> None:
    urls = asset_urls((await browser.get("/graphql")).text)

    assert sorted(url.rpartition("/")[2] for url in urls) == sorted({*VENDORED, *OWN})
    assert all(re.fullmatch(rf"{ASSETS_PATH}/[0-9a-f]{{16}}/[a-z.-]+", url) for url in urls)


async def test_what_a_subscription_needs_is_served_beside_the_rest(browser: httpx.AsyncClient) -> None:
    url = next(
        url for url in asset_urls((await browser.get("/graphql")).text) if url.endswith("/graphiql.js")
    )
    borrowed = await browser.get(url.replace("graphiql.js", "events.js"))

    assert borrowed.content == (files("gateway.web.board") / "events.js").read_bytes()


async def test_the_page_runs_no_inline_script(browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/graphql")).text

    assert re.findall(r"<script(?! defer src=)", html) == []
    assert re.findall(r"\son\w+=|javascript:|<style|\sstyle=", html) == []


async def test_assets_are_kept_forever_and_typed(browser: httpx.AsyncClient) -> None:
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
    for url in asset_urls((await browser.get("/graphql")).text):
        response = await browser.get(url)

        assert response.status_code == 200
        assert response.headers["Content-Type"] == types[url.rpartition(".")[2]]
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["ETag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'


@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}', "*"])
async def test_a_browser_that_holds_an_asset_is_told_so(browser: httpx.AsyncClient, form: str) -> None:
    url = asset_urls((await browser.get("/graphql")).text)[0]
    etag = (await browser.get(url)).headers["ETag"]

    response = await browser.get(url, headers={"If-None-Match": form.format(etag)})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == etag
    assert (await browser.get(url, headers={"If-None-Match": '"another"'})).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "VERSIONS.toml",
        "index.html",
        "__init__.py",
        "graphiql.min.js.map",
        "..%2f__init__.py",
        "vendor/react.LICENSE",
    ],
)
async def test_only_the_listed_files_are_served(browser: httpx.AsyncClient, name: str) -> None:
    prefix = asset_urls((await browser.get("/graphql")).text)[0].rpartition("/")[0]

    assert (await browser.get(f"{prefix}/{name}")).status_code == 404


async def test_assets_are_not_found_under_another_version(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(f"{ASSETS_PATH}/0123456789abcdef/graphiql.js")).status_code == 404


def test_the_page_is_never_stored_and_never_framed() -> None:
    headers = graphiql_page(endpoint="/graphql").headers

    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_the_policy_allows_this_origin_and_inline_styles_by_nonce_only() -> None:
    policy = policy_of(graphiql_page(endpoint="/graphql"))
    nonce = policy["style-src-elem"].removeprefix("'self' ")

    assert re.fullmatch(r"'nonce-[\w-]{22}'", nonce)
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "style-src-elem": f"'self' {nonce}",
        "style-src-attr": "'unsafe-inline'",
        "font-src": "data:",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_each_page_has_a_nonce_of_its_own_and_carries_it() -> None:
    first, second = graphiql_page(endpoint="/graphql"), graphiql_page(endpoint="/graphql")
    nonce = policy_of(first)["style-src-elem"].removeprefix("'self' 'nonce-").removesuffix("'")

    assert f'data-style-nonce="{nonce}"'.encode() in bytes(first.body)
    assert nonce.encode() not in bytes(second.body)


def test_behind_a_path_prefix_the_assets_stand_beside_the_endpoint() -> None:
    html = bytes(graphiql_page(endpoint="/evolux/graphql").body).decode()

    assert 'data-endpoint="/evolux/graphql"' in html
    assert all(url.startswith(f"/evolux{ASSETS_PATH}/") for url in asset_urls(html))


def test_an_endpoint_cannot_break_out_of_the_page() -> None:
    html = bytes(graphiql_page(endpoint='/"><script>/graphql').body).decode()

    assert "<script>" not in html


def test_no_style_sheet_fetches_anything() -> None:
    package = files("gateway.web.graphiql")
    for sheet in ("vendor/graphiql.min.css", "graphiql.css"):
        text = package.joinpath(sheet).read_text("utf-8")

        assert "@import" not in text
        assert re.findall(r"url\((?!data:)[^)]{0,40}", text) == []


def test_the_notice_names_each_release_file_and_licence() -> None:
    notice = (Path(__file__).parents[3] / "NOTICE").read_text("utf-8")
    products = {"graphiql": "GraphiQL", "react": "React", "react-dom": "ReactDOM"}
    expected = {f"{products[package['name']]} {package['version']}" for package in PACKAGES}
    expected |= {*VENDORED, *(name for package in PACKAGES for name in package["license_files"])}

    assert {words for words in expected if words not in notice} == set()
