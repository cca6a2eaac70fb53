"""What went wrong on the wire, told apart by one question: can Evolux have seen the request?"""

from contextvars import ContextVar
from enum import Enum

import aiohttp
import httpx
import msgspec
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


class Fault(Enum):
    """How an exchange ended without a whole answer."""

    NOT_CONNECTED = "not_connected"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    TOO_LONG = "too_long"


class Sending(msgspec.Struct):
    """Whether the request's first bytes were handed to a connection."""

    began: bool = False


class ConnectionLost(aiohttp.ClientError):
    """A connection ended under a request; unlike aiohttp's own classes it makes aiohttp resend nothing."""


WIRE_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError)
"""All that the transport raises, mapped by httpx-aiohttp or not; `TimeoutError` is an `OSError`."""

_sending: ContextVar[Sending] = ContextVar("sending")


def watch_sending() -> Sending:
    """Begin to watch one attempt: the value tells, also after a failure, whether sending began."""
    sending = Sending()
    _sending.set(sending)
    return sending


class WatchedConnector(aiohttp.TCPConnector):
    """The pool. It marks the current attempt where it gives it a connection: the headers go out next.

    aiohttp's own traces tell that, too, and take a twentieth of a walk's time.
    """

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the parameter of aiohttp
    ) -> Connection:
        """A connection, from the pool or new, for one request."""
        connection = await super().connect(req, traces, timeout)
        sending = _sending.get(None)
        if sending is not None:
            sending.began = True
        return connection


async def send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from resending a PUT on its own when a kept-alive connection turns out dead."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise ConnectionLost(str(error)) from error


def fault_of(error: BaseException, *, sending: Sending) -> Fault:
    """Name the fault. httpx-aiohttp calls a reset a ConnectTimeout: its class alone proves nothing."""
    if not sending.began:
        return Fault.NOT_CONNECTED
    return Fault.TIMED_OUT if any(map(_is_timeout, _causes(error))) else Fault.LOST


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | httpx.ReadTimeout | httpx.WriteTimeout)


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain
