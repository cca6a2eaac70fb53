"""One exchange over the wire: a request goes out, and whatever came of it comes back as an `Answer`."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import lru_cache

import httpx

from gateway.evolux.answers import Answer
from gateway.evolux.connection import ConnectionLimits, open_transport, timeouts_of
from gateway.evolux.faults import WIRE_ERRORS, Fault, Sending, fault_of, watch_sending
from gateway.evolux.requests import Request, Revealable

_MAX_TARGETS = 2_048
"""Pages and agents of a tenant whose URLs are kept as they were parsed: 4 % of a walk's instructions."""


class _TooLongError(Exception):
    """The body is over the limit."""


class _Partial:
    """What has come so far, so that a status line survives whatever follows it."""

    def __init__(self) -> None:
        self.response: httpx.Response | None = None
        self.body = bytearray()

    def answer(self, fault: Fault | None = None) -> Answer:
        if self.response is None:
            return Answer(fault=fault)
        return Answer(
            status=self.response.status_code,
            headers=self.response.headers,
            body=bytes(self.body),
            fault=fault,
        )


class Wire:
    """The connections to one tenant's host. It knows bytes and faults, not what they mean."""

    def __init__(
        self,
        base_url: str,
        *,
        limits: ConnectionLimits,
        verify: ssl.SSLContext | None = None,
        trace_headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._trace_headers = trace_headers
        self._base_url = base_url.rstrip("/")
        self._limits = limits
        is_tls = self._base_url.startswith("https:")
        self._transport = open_transport(limits=limits, is_tls=is_tls, verify=verify)
        self._extensions = {"timeout": timeouts_of(limits)}
        self._url_of = lru_cache(maxsize=_MAX_TARGETS)(self._parse_url)

    def _parse_url(self, path_and_query: str) -> httpx.URL:
        return httpx.URL(self._base_url + path_and_query)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def exchange(self, request: Request, *, token: Revealable, left_seconds: float) -> Answer:
        """Send once and take the answer, within the attempt's deadline and `left_seconds`; raises nothing."""
        partial = _Partial()
        sending = watch_sending()
        try:
            async with asyncio.timeout(max(0.0, min(left_seconds, self._limits.attempt_seconds))):
                await self._send(request, token=token, into=partial)
        except _TooLongError:
            return partial.answer(Fault.TOO_LONG)
        except WIRE_ERRORS as error:
            return partial.answer(_fault(error, partial=partial, sending=sending))
        return partial.answer()

    async def _send(self, request: Request, *, token: Revealable, into: _Partial) -> None:
        outgoing = httpx.Request(
            request.operation.method,
            self._url_of(request.path_and_query),
            headers={**self._trace_headers(), **request.headers(token)},
            content=request.body,
            extensions=self._extensions,
        )
        into.response = response = await self._transport.handle_async_request(outgoing)
        try:
            async for chunk in _body_of(response):
                into.body += chunk
                if len(into.body) > self._limits.max_body_bytes:
                    raise _TooLongError
        finally:
            with suppress(*WIRE_ERRORS):
                await response.aclose()


def _body_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """The chunks of the body, unpacked where it is packed."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx.AsyncByteStream):
        return response.aiter_bytes()
    return aiter(response.stream)


def _fault(error: BaseException, *, partial: _Partial, sending: Sending) -> Fault:
    if partial.response is not None and not sending.began:
        return Fault.LOST
    return fault_of(error, sending=sending)
