import hashlib
import re
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
import pytest
from starlette.applications import Starlette

from gateway.web.board import board_page, board_routes
from gateway.web.routes import BOARD_PATH

PACKAGE = files("gateway.web.board")
ASSETS = {entry.name for entry in PACKAGE.iterdir() if entry.name.endswith((".js", ".css", ".svg"))}
TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=board_routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def html() -> str:
    return bytes(board_page().body).decode()


def asset_folder() -> str:
    [folder] = set(re.findall(r'(?:src|href)="([^"#]*)/[^"/]+"', html()))
    return str(folder)


async def test_every_file_of_the_page_is_served_and_kept_forever(browser: httpx.AsyncClient) -> None:
    for name in ASSETS:
        response = await browser.get(f"/{asset_folder()}/{name}")

        assert response.status_code == 200, name
        assert response.content == PACKAGE.joinpath(name).read_bytes()
        assert response.headers["Content-Type"] == TYPES[name.rpartition(".")[2]]
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["ETag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'


async def test_nothing_else_of_the_package_is_served(browser: httpx.AsyncClient) -> None:
    for name in ("__init__.py", "index.html", "..%2f__init__.py"):
        assert (await browser.get(f"/{asset_folder()}/{name}")).status_code == 404
    assert (await browser.get(f"{BOARD_PATH}/0123456789abcdef/board.js")).status_code == 404


async def test_the_page_is_read_and_written_to_by_nobody(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(BOARD_PATH)).status_code == 200
    assert (await browser.head(BOARD_PATH)).status_code == 200
    assert (await browser.post(BOARD_PATH)).status_code == 405


def test_the_page_names_its_assets_relative_to_itself_so_that_a_proxy_may_put_it_below_a_path() -> None:
    assert re.fullmatch(r"board/[0-9a-f]{16}", asset_folder())
    assert [
        url for url in re.findall(r'(?:src|href)="([^"]*)"', html()) if url.startswith(("/", "http"))
    ] == []


def test_the_page_has_no_inline_script_and_no_inline_style() -> None:
    assert re.findall(r"<script(?! type=\"module\" src=)", html()) == []
    assert re.findall(r"\son\w+=|javascript:|<style|\sstyle=", html()) == []


def test_the_policy_allows_files_of_this_origin_and_nothing_inline() -> None:
    headers = board_page().headers
    directives = headers["Content-Security-Policy"].split("; ")

    assert dict(directive.split(" ", 1) for directive in directives) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_no_file_names_another_origin_or_makes_markup_of_a_text(name: str) -> None:
    text = PACKAGE.joinpath(name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")

    assert re.findall(r"https?://|\burl\(|@import", text) == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", text) == []
    )


def test_no_module_imports_what_is_not_served() -> None:
    modules = [name for name in ASSETS if name.endswith(".js")]
    imported = {
        path
        for name in modules
        for path in re.findall(r'from "([^"]+)"', PACKAGE.joinpath(name).read_text("utf-8"))
    }

    assert imported <= {f"./{name}" for name in modules}
    assert {f"./{name}" for name in modules} - imported == {"./board.js"}
