"""Evolux's envelopes: what every answer looks like, refusals as an exception, and its odd paging."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PAGE_LIMIT = 50
SEMANTIC_ERROR = "Request well-formed but has a semantic impossibility."


class Refusal(Exception):
    """Evolux says no: the HTTP status, `meta.message` and `errors` of the answer, or a body of its own."""

    def __init__(
        self, status: int, *, message: str, errors: Sequence[str] | None = None, body: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.body = body


class Meta(msgspec.Struct, frozen=True):
    """`meta` of an envelope."""

    status: int
    message: str


class Pagination(msgspec.Struct, frozen=True):
    """`pagination` of an envelope, in the order of the page's example."""

    max_limit: int
    limit: int
    first_url: str
    next_url: str | None
    items: int
    last_url: str
    total: int
    current_url: str
    prev_url: str | None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An envelope; what is absent is left out, not null."""

    pagination: Pagination | msgspec.UnsetType = msgspec.UNSET
    meta: Meta | msgspec.UnsetType = msgspec.UNSET
    data: object = msgspec.UNSET
    errors: Sequence[str] | msgspec.UnsetType = msgspec.UNSET


def json_response(body: bytes, *, status: int = 200) -> Response:
    """Bytes that are JSON already, or claim to be."""
    return Response(body, status_code=status, media_type="application/json")


def done() -> Response:
    """The whole answer of edit, pause, unpause and logoff: no data."""
    return envelope(200, message="OK")


def envelope(
    status: int, *, message: str, http_status: int | None = None, data: object = msgspec.UNSET
) -> Response:
    """An envelope with data or without; HTTP's status may differ from `meta.status`."""
    answer = Answer(meta=Meta(status=status, message=message), data=data)
    return json_response(msgspec.json.encode(answer), status=http_status or status)


def refused(refusal: Refusal) -> Response:
    """A refusal as Evolux words it."""
    if refusal.body is not None:
        return json_response(refusal.body, status=refusal.status)
    answer = Answer(
        meta=Meta(status=refusal.status, message=refusal.message),
        errors=msgspec.UNSET if refusal.errors is None else refusal.errors,
    )
    return json_response(msgspec.json.encode(answer), status=refusal.status)


def page_response(rows: Sequence[bytes], *, pagination: Pagination | None, message: str = "OK") -> Response:
    """A page of rows that are JSON already; nothing of them is encoded again."""
    head = msgspec.json.encode(
        Answer(pagination=pagination or msgspec.UNSET, meta=Meta(status=200, message=message))
    )
    return json_response(b"".join((head[:-1], b',"data":[', b",".join(rows), b"]}")))


class Window:
    """The part of a listing that `page` and `limit` of a request ask for; nonsense means the default."""

    def __init__(self, request: Request, *, total: int, limit_counts: bool = True) -> None:
        asked = (
            _positive(request.query_params.get("limit"), default=PAGE_LIMIT) if limit_counts else PAGE_LIMIT
        )
        self.limit = min(asked, PAGE_LIMIT)
        self.page = _positive(request.query_params.get("page"), default=1)
        self.total = total
        self.last_page = max(1, -(-total // self.limit))

    @property
    def rows(self) -> slice:
        """Which rows are on the page; none past the end."""
        return slice((self.page - 1) * self.limit, self.page * self.limit)

    def pagination(self, link: Callable[[int], str]) -> Pagination:
        """The envelope's part about this page; `max_limit` repeats the limit, as in Evolux's example."""
        start = self.rows.start
        return Pagination(
            max_limit=self.limit,
            limit=self.limit,
            first_url=link(1),
            next_url=link(self.page + 1) if self.page < self.last_page else None,
            items=max(0, min(self.limit, self.total - start)),
            last_url=link(self.last_page),
            total=self.total,
            current_url=link(self.page),
            prev_url=link(self.page - 1) if self.page > 1 else None,
        )


def link_to(request: Request, *, scheme: Literal["http", "https"], host: str | None, query: str) -> str:
    """An absolute address as `*_url` values carry it: of the scheme given, whatever the request's was."""
    netloc = host or request.headers.get("host", "localhost")
    return f"{scheme}://{netloc}{request.url.path.rstrip('/')}{query}"


def _positive(text: str | None, *, default: int) -> int:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 9:  # noqa: PLR2004  stays an int
        return default
    return int(text) or default
