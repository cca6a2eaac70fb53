"""What was asked of the simulator: enough for a test to count calls, and never the token."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

KEPT_REQUESTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived; a token that stood in the query (it must not) is struck out."""

    method: str
    path: str
    query: str
    page: int | None
    token_ok: bool
    at: datetime


class RequestLog:
    """The last requests in order of arrival, exact counts of all, and how many were open at once."""

    def __init__(self) -> None:
        self._received: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self._counts: Counter[tuple[str, str, int | None]] = Counter()
        self.in_flight = 0
        self.peak_in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._arrival = asyncio.Event()

    def __iter__(self) -> Iterator[Received]:
        return iter(tuple(self._received))

    def __len__(self) -> int:
        return self._counts.total()

    def count(self, path: str | None = None, *, method: str | None = None, page: int | None = None) -> int:
        """How many requests came: to this path (trailing slash or not), by this method, for this page."""
        wanted = None if path is None else _bare(path)
        return sum(
            number
            for (seen_method, seen_path, seen_page), number in self._counts.items()
            if (wanted is None or seen_path == wanted)
            and (method is None or seen_method == method)
            and (page is None or seen_page == page)
        )

    def pages(self, path: str) -> dict[int, int]:
        """How often each page of a listing was asked for; without `page` in the query it is page 1."""
        pages: Counter[int] = Counter()
        for (method, seen_path, page), number in self._counts.items():
            if method == "GET" and seen_path == _bare(path):
                pages[page or 1] += number
        return dict(sorted(pages.items()))

    def summary(self) -> list[dict[str, object]]:
        """The counts as rows, the most frequent first."""
        return [
            {"method": method, "path": path, "page": page, "count": number}
            for (method, path, page), number in self._counts.most_common()
        ]

    def clear(self) -> None:
        """Forget everything but what is open now."""
        self._received.clear()
        self._counts.clear()
        self.peak_in_flight = self.in_flight

    def arrived(self, method: str, *, path: str, query: str, token_ok: bool, at: datetime) -> Received:
        """Note a request that has just arrived and is now open."""
        received = Received(
            method=method,
            path=path,
            query=_without_token(query),
            page=page_in(query),
            token_ok=token_ok,
            at=at,
        )
        self._received.append(received)
        self._counts[method, _bare(path), received.page] += 1
        self.in_flight += 1
        self._idle.clear()
        self._arrival.set()
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        return received

    def left(self) -> None:
        """Note that an open request has ended, answered or not."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def reached(self, total: int) -> None:
        """Wait until so many requests have arrived since the log was begun or cleared."""
        while len(self) < total:
            self._arrival.clear()
            await self._arrival.wait()

    async def idle(self) -> None:
        """Wait until no request is open, answered or abandoned by its client."""
        await self._idle.wait()


def page_in(query: str) -> int | None:
    """The page that a query string asks for, None where it names none or nonsense."""
    page = dict(parse_qsl(query)).get("page", "")
    return int(page) if page.isascii() and page.isdecimal() and len(page) < 10 else None  # noqa: PLR2004  an int


def _bare(path: str) -> str:
    return path.rstrip("/") or "/"


def _without_token(query: str) -> str:
    if "token" not in query.lower():
        return query
    return urlencode([(key, "***" if "token" in key.lower() else value) for key, value in parse_qsl(query)])
