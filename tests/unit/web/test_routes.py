import pytest

from gateway.rest.operations import PREFIX, by_path
from gateway.web.routes import route_of


@pytest.mark.parametrize("path", sorted(by_path()))
def test_every_rest_path_has_its_template_and_shows_no_id(path: str) -> None:
    asked = PREFIX + path.replace("{", "4711").replace("}", "")
    assert route_of(asked) == PREFIX + path
    assert "4711" not in route_of(asked)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/graphql", "/graphql"),
        ("/graphql/planted-id", "/graphql/{document_id}"),
        ("/v1/status", "/v1/status"),
        ("/v1/openapi.json", "/v1/openapi.json"),
        ("/metrics", "/metrics"),
        ("/board", "/board"),
        ("/board/0123456789abcdef/board.js", "other"),
        ("/v1/agents/7/planted", "other"),
        ("/v1/" + "a" * 5_000, "other"),
        ("/planted", "other"),
    ],
)
def test_a_path_is_called_by_its_route_and_an_unknown_one_other(path: str, route: str) -> None:
    assert route_of(path) == route
