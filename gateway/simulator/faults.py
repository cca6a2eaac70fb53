"""Faults on request: which requests they meet, how often, and what goes wrong."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict, Unpack

Rows = list[dict[str, Any]]


class FaultKind(StrEnum):
    """What can go wrong. DELAY, ROWS and TOTAL go together with others; of the rest one meets a request."""

    STATUS = "status"
    HANG = "hang"
    RESET = "reset"
    ANSWER_LOST = "answer_lost"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    NO_DATA = "no_data"
    HTML = "html"
    DRIP = "drip"
    REDIRECT = "redirect"
    ROWS = "rows"
    TOTAL = "total"
    DELAY = "delay"


ALTERATIONS = frozenset({FaultKind.DELAY, FaultKind.ROWS, FaultKind.TOTAL})


class Where(TypedDict, total=False):
    """Which requests a fault meets: by method, path prefix and page; `count` None is for ever."""

    method: str | None
    path: str
    page: int | None
    count: int | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One order of trouble; only the fields of its kind matter. `seconds` is a delay or a drip's length."""

    kind: FaultKind
    method: str | None = None
    path: str = "/"
    page: int | None = None
    count: int | None = 1
    probability: float = 1.0
    status: int = 503
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    location: str = ""
    rows: Callable[[Rows], Rows] | None = None
    total: int | Callable[[int], int] | None = None

    def concerns(self, method: str, *, path: str, page: int | None) -> bool:
        """Whether a request is of the kind that this fault meets; a listing without `page` is page 1."""
        return (
            (self.method is None or self.method == method)
            and path.startswith(self.path)
            and (self.page is None or self.page == (page or 1))
        )


class ArmedFault:
    """A fault that waits for its requests: how many it met, how many it has left (None: no end)."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self.left = fault.count
        self._hit = asyncio.Event()

    async def met(self, times: int = 1) -> None:
        """Wait until so many requests have met it."""
        while self.hits < times:
            self._hit.clear()
            await self._hit.wait()

    def strike(self) -> None:
        """Count a request that met it."""
        self.hits += 1
        self.left = None if self.left is None else self.left - 1
        self._hit.set()


class Faults:
    """The faults in force, oldest first. Each verb arms one and returns it; `clear()` ends all."""

    def __init__(self, *, seed: int = 1) -> None:
        self._armed: list[ArmedFault] = []
        self._random = random.Random(seed)  # noqa: S311  draws trouble, keeps no secret
        self._release: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._armed)

    def add(self, fault: Fault) -> ArmedFault:
        """Arm a fault."""
        armed = ArmedFault(fault)
        self._armed.append(armed)
        return armed

    def clear(self) -> None:
        """Disarm everything and let what hangs go on."""
        self._armed.clear()
        self.release()

    def release(self) -> None:
        """Let the requests that hang now go on to be handled; later ones hang still."""
        if self._release is not None:
            self._release.set_result(None)
            self._release = None

    def next_release(self) -> "asyncio.Future[None]":
        """Done at the next release: to be taken when a request is met, so that none is missed."""
        if self._release is None:
            self._release = asyncio.get_running_loop().create_future()
        return self._release

    def meeting(self, method: str, *, path: str, page: int | None) -> list[Fault]:
        """The faults that this request meets, each counted: every alteration, and the first of the others."""
        met: list[ArmedFault] = []
        for armed in self._armed:
            ends = armed.fault.kind not in ALTERATIONS
            if ends and any(other.fault.kind not in ALTERATIONS for other in met):
                continue
            if armed.fault.concerns(method, path=path, page=page) and self._strikes(armed.fault):
                met.append(armed)
        for armed in met:
            armed.strike()
        self._armed = [armed for armed in self._armed if armed.left is None or armed.left > 0]
        return [armed.fault for armed in met]

    def answer(
        self,
        status: int,
        *,
        body: bytes = b"",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        **where: Unpack[Where],
    ) -> ArmedFault:
        """Answer with a status and body instead of handling, as a proxy in front of Evolux would."""
        return self.add(
            Fault(
                kind=FaultKind.STATUS,
                status=status,
                body=body,
                content_type=content_type,
                headers=headers or {},
                **where,
            )
        )

    def rate_limit(self, *, retry_after_seconds: int, **where: Unpack[Where]) -> ArmedFault:
        """Answer 429 with `Retry-After`."""
        return self.answer(429, headers={"Retry-After": str(retry_after_seconds)}, **where)

    def hang(self, **where: Unpack[Where]) -> ArmedFault:
        """Do not answer until released; then handle. Nothing is handled for a client that leaves."""
        return self.add(Fault(kind=FaultKind.HANG, **where))

    def reset(self, **where: Unpack[Where]) -> ArmedFault:
        """Reset the connection; nothing was handled."""
        return self.add(Fault(kind=FaultKind.RESET, **where))

    def lose_answer(self, **where: Unpack[Where]) -> ArmedFault:
        """Handle the request, then reset the connection instead of answering."""
        return self.add(Fault(kind=FaultKind.ANSWER_LOST, **where))

    def truncate(self, **where: Unpack[Where]) -> ArmedFault:
        """Promise the whole body, send half of it, close."""
        return self.add(Fault(kind=FaultKind.TRUNCATED, **where))

    def empty(self, **where: Unpack[Where]) -> ArmedFault:
        """Handle, but answer 200 with no body."""
        return self.add(Fault(kind=FaultKind.EMPTY, **where))

    def drop_data(self, **where: Unpack[Where]) -> ArmedFault:
        """Handle, but answer 200 with an envelope that has no `data`."""
        return self.add(Fault(kind=FaultKind.NO_DATA, **where))

    def html(self, **where: Unpack[Where]) -> ArmedFault:
        """Answer 200 with a page of HTML."""
        return self.add(Fault(kind=FaultKind.HTML, **where))

    def drip(self, *, seconds: float, **where: Unpack[Where]) -> ArmedFault:
        """Send the body in small pieces over so many seconds."""
        return self.add(Fault(kind=FaultKind.DRIP, seconds=seconds, **where))

    def redirect(self, location: str, *, status: int = 302, **where: Unpack[Where]) -> ArmedFault:
        """Redirect elsewhere."""
        return self.add(Fault(kind=FaultKind.REDIRECT, location=location, status=status, **where))

    def mangle_rows(self, rows: Callable[[Rows], Rows], **where: Unpack[Where]) -> ArmedFault:
        """Pass the rows of a page through a function."""
        return self.add(Fault(kind=FaultKind.ROWS, rows=rows, **where))

    def misstate_total(self, total: int | Callable[[int], int], **where: Unpack[Where]) -> ArmedFault:
        """State another total in `pagination`: a number, or a function of the true one."""
        return self.add(Fault(kind=FaultKind.TOTAL, total=total, **where))

    def delay(self, seconds: float, **where: Unpack[Where]) -> ArmedFault:
        """Wait before handling, on top of the simulator's own latency."""
        return self.add(Fault(kind=FaultKind.DELAY, seconds=seconds, **where))

    def _strikes(self, fault: Fault) -> bool:
        return fault.probability >= 1.0 or self._random.random() < fault.probability
