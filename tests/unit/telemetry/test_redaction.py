import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest

from gateway.domain.secrets import ApiToken
from gateway.telemetry.redaction import is_secret_name, redact, redact_fields, redact_text

PLANTED = "s3cr3t-Pl4nted"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"


class Revealing:
    def __init__(self, text: str) -> None:
        self.text = text

    def reveal(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Revealing({self.text})"


@dataclass
class NewAgentLike:
    login: str
    password: str


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    "fields",
    [
        {"token": PLANTED},
        {"Authorization": f"Bearer {PLANTED}"},
        {"password": PLANTED},
        {"senha_atual": PLANTED},
        {"api_key": PLANTED},
        {"apiKey": PLANTED},
        {"X-Api-Key": PLANTED},
        {"client_secret": PLANTED},
        {"Set-Cookie": PLANTED},
        {"key": PLANTED},
        {"pin": 123456, "note": PLANTED[:0]},
        {b"authorization": PLANTED.encode()},
        {"request": {"headers": {"token": PLANTED}}},
        {"rows": [{"login": "ana", "password": PLANTED}]},
        {"headers": [("token", PLANTED), ("accept", "*/*")]},
        {"headers": [(b"authorization", f"Bearer {PLANTED}".encode())]},
        {"token": [PLANTED, {"deep": PLANTED}]},
        {"held": ApiToken(PLANTED)},
        {"held": [ApiToken(PLANTED)]},
        {"held": Revealing(PLANTED)},
        {"held": (Revealing(PLANTED),)},
        {"agent": NewAgentLike("ana", PLANTED)},
        {"said": f"Bearer {PLANTED}"},
        {"said": f"sent authorization: bearer {PLANTED} to Evolux"},
        {"said": f"Authorization=Basic {PLANTED}"},
        {"said": f'{{"password": "{PLANTED} with spaces {PLANTED}"}}'},
        {"said": f"{{'token': '{PLANTED}'}}"},
        {"said": f"https://acme.evolux.net.br/api?token={PLANTED}&page=1"},
        {"said": f"https://user:{PLANTED}@acme.evolux.net.br/"},
        {"said": f"client_secret={PLANTED}"},
        {"said": f"api-key: {PLANTED}"},
        {"said": f"Token {PLANTED}".replace(" ", "=")},
        {f"token={PLANTED}": 1},
        {"said": f"password={PLANTED}".encode()},
    ],
    ids=repr,
)
def test_a_planted_secret_is_in_no_shape_written(fields: dict[object, object]) -> None:
    written = json.dumps(redact_fields(fields))
    assert PLANTED not in written
    assert "123456" not in written
    assert "***" in written


@pytest.mark.parametrize("text", [JWT, f"caller sent {JWT}.", f"x={JWT}", JWT[:40]])
def test_a_jwt_is_masked_wherever_it_stands(text: str) -> None:
    assert "eyJ" not in redact_text(text)


def test_what_is_no_secret_is_written_as_it_is() -> None:
    at = datetime(2026, 7, 7, 12, 0, tzinfo=UTC)
    fields = {
        "tenant": "acme",
        "status": 200,
        "stale": False,
        "nothing": None,
        "token": None,
        "ratio": 0.5,
        "at": at,
        "colour": Colour.RED,
        "said": "Não é possível sair enquanto está em uma chamada.",
        "path": "/api/v1/agents/{agent_id}/pause",
        "monkey": "keyboard",
        "queues": (1, 2),
        "basic": "the basics of it",
    }
    assert redact_fields(fields) == {
        **fields,
        "at": "2026-07-07T12:00:00+00:00",
        "colour": "red",
        "queues": [1, 2],
    }


@pytest.mark.parametrize("name", ["monkey", "keyboard", "pinned", "status", "author", "passed", "compass"])
def test_a_name_that_only_looks_like_a_secrets_is_none(name: str) -> None:
    assert not is_secret_name(name)


def test_numbers_that_json_does_not_know_become_texts() -> None:
    assert redact([float("nan"), float("inf")]) == ["nan", "inf"]


def test_a_value_that_holds_itself_ends_somewhere() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert json.dumps(redact(endless)).count("[") == 8


@pytest.mark.parametrize(
    "text",
    [
        "token" * 40_000,
        "a-" * 100_000,
        'token="' * 30_000,
        "://" * 60_000,
        "eyJ-" * 50_000,
        "bearer " * 30_000,
    ],
    ids=lambda text: text[:7],
)
def test_a_long_hostile_text_is_cut_and_costs_little(text: str) -> None:
    began_at = time.process_time()
    assert len(redact_text(text)) < 20_000
    assert time.process_time() - began_at < 0.5
