"""One event of a subscription as bytes that all its readers share, in the form of each transport."""

from gateway.domain.errors import ErrorCode

Standing = tuple[bool | None, bool | None, str | None]
"""Whether the listing is stale, whether it is whole, and the code where there is none: turns are news."""


class Event:
    """What is sent: `payload` is the GraphQL result; `state` is what its reader has seen after it.

    `is_last`: nothing good can come after it.
    """

    __slots__ = ("_sse", "_text", "code", "id", "is_last", "is_news", "payload", "standing", "state")

    def __init__(
        self,
        payload: bytes,
        *,
        id: str | None,  # noqa: A002 - ids are called id
        state: str | None,
        is_news: bool,
        standing: Standing,
        code: ErrorCode | None = None,
        is_last: bool = False,
    ) -> None:
        self.payload = payload
        self.id = id
        self.state = state
        self.is_news = is_news
        self.standing = standing
        self.code = code
        self.is_last = is_last
        self._sse: bytes | None = None
        self._text: str | None = None

    @property
    def sse(self) -> bytes:
        """As a Server-Sent Event; lines end in LF alone, for some clients split on nothing else."""
        if self._sse is None:
            head = b"" if self.id is None else b"id: %b\n" % self.id.encode()
            self._sse = b"%bevent: next\ndata: %b\n\n" % (head, self.payload)
        return self._sse

    @property
    def text(self) -> str:
        """As the end of a WebSocket's `next` message, after the operation's own id."""
        if self._text is None:
            self._text = f',"type":"next","payload":{self.payload.decode()}}}'
        return self._text
