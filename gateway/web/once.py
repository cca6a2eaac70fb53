"""`Idempotency-Key` on any write: read, claimed, run once, and the answer replayed to who repeats it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import BadRequest, IdempotencyKeyReused
from gateway.domain.idempotency import (
    KEY_HEADER,
    REPLAYED_HEADER,
    Finished,
    KeptAnswer,
    OnceOnly,
    claim_of,
    read_key,
)
from gateway.domain.ledger import Ledger
from gateway.telemetry.labels import KeyedOutcome
from gateway.web.authentication import Visitor

_NOT_KEPT: Final = frozenset({"content-length", "x-request-id", "date"})


class Idempotency:
    """Answers writes with a key once; requests without one, and reads, are run as they come."""

    def __init__(
        self,
        once_only: OnceOnly,
        *,
        deadline_seconds: float,
        told: Callable[[KeyedOutcome], object] = lambda _outcome: None,
    ) -> None:
        self._once_only = once_only
        self._told = told
        self._deadline_seconds = deadline_seconds

    async def answer(
        self,
        request: Request,
        run: Callable[[Ledger], Awaitable[Response]],
        *,
        visitor: Visitor,
        asked: Any,
    ) -> Response:
        """Run what is `asked` (as JSON could say it), or give the answer that its key has already."""
        key = _key_of(request)
        if key is None:
            return await run(Ledger())
        claim = claim_of(
            key,
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            request=msgspec.json.encode(asked, order="deterministic"),
        )
        try:
            with one_deadline(self._deadline_seconds):
                answer, is_replay = await self._once_only.answer(claim, lambda: _finish(run))
        except IdempotencyKeyReused:
            self._told(KeyedOutcome.REFUSED)
            raise
        self._told(KeyedOutcome.REPLAYED if is_replay else KeyedOutcome.RUN)
        headers = {**answer.headers, **({REPLAYED_HEADER: "true"} if is_replay else {})}
        return Response(answer.body, status_code=answer.status, headers=headers)


async def _finish(run: Callable[[Ledger], Awaitable[Response]]) -> Finished:
    ledger = Ledger()
    response = await run(ledger)
    headers = {name: value for name, value in response.headers.items() if name not in _NOT_KEPT}
    kept = KeptAnswer(status=response.status_code, headers=headers, body=bytes(response.body))
    return Finished(kept, ledger.is_final)


def _key_of(request: Request) -> str | None:
    given = request.headers.getlist(KEY_HEADER)
    if not given:
        return None
    if len(given) > 1:
        raise BadRequest(f"Send {KEY_HEADER} once.")
    return read_key(given[0])
