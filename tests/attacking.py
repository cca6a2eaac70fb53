"""What attacks are made of, and the answers that they can get."""

import json
from typing import Any

from tests.raw_http import request
from tests.served import KEY

AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
JSON_TYPE = {"Content-Type": "application/json"}
GOOD = "{ viewer { name } }"

Expected = tuple[int | None, str | None]
"""The status and the code of the first error; no status where the connection may end without an answer."""


def post(query: Any = GOOD, *, headers: dict[str, str] | None = None, **more: Any) -> bytes:
    body = json.dumps({"query": query, **more}).encode()
    return raw(body, headers=headers)


def raw(body: bytes, *, headers: dict[str, str] | None = None) -> bytes:
    return request(headers={**AUTHORIZATION, **JSON_TYPE, **(headers or {})}, body=body)


def get(path: str, *, headers: dict[str, str] | None = None, method: str = "GET") -> bytes:
    return request(method, path, headers={**AUTHORIZATION, **(headers or {})})


def nested(depth: int) -> str:
    return "{ queues " + "{ agents { nodes { queues " * depth + "{ id }" + " } } }" * depth + " }"


def inline(depth: int) -> str:
    return "{ viewer " + "{ ... " * depth + "{ name }" + " }" * depth + " }"


def chain(length: int, *, copies: int = 2) -> str:
    links = " ".join(f"fragment f{n} on Viewer {{ {f'...f{n + 1} ' * copies}}}" for n in range(length))
    return f"{{ viewer {{ ...f0 }} }} {links} fragment f{length} on Viewer {{ name }}"


def many(text: str, count: int) -> str:
    return " ".join(text.replace("#", str(number)) for number in range(count))


def filtered(value: str) -> str:
    return f"{{ agents(filter: {value}) {{ totalCount }} }}"


LARGE = (200, "OPERATION_TOO_LARGE")
INVALID = (200, "GRAPHQL_VALIDATION_FAILED")
UNPARSED = (200, "GRAPHQL_PARSE_FAILED")
BAD = (400, "BAD_REQUEST")
WRONG_TYPE = (415, "BAD_REQUEST")
INPUT = (200, "BAD_USER_INPUT")
UNKNOWN = (401, "UNAUTHENTICATED")
FINE = (200, None)
CUT_OFF = (None, None)
NOT_HTTP = (400, "BAD_REQUEST")
NO_HANDSHAKE = (400, None)
