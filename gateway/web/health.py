"""Health: `/livez`, `/readyz` and `/metrics`, for the machines that run the gateway."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.errors import ErrorCode
from gateway.telemetry.exposition import MetricsForm
from gateway.web.media_types import accept_of, best_of


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this process should get requests, and what is wrong with which tenant."""

    is_serving: bool
    problems: Mapping[str, ErrorCode] = {}

    @property
    def status(self) -> str:
        """`ready`, `degraded` (it serves, though not every tenant) or `stopping`."""
        if not self.is_serving:
            return "stopping"
        return "degraded" if self.problems else "ready"


class Health:
    """The three paths; none of them asks Evolux anything."""

    def __init__(
        self,
        *,
        readiness: Callable[[], Readiness],
        render_metrics: Callable[[MetricsForm], tuple[bytes, str]],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Make it; `settle` is called before metrics are read, to count what is not counted yet."""
        self._readiness = readiness
        self._render_metrics = render_metrics
        self._settle = settle

    async def livez(self, _request: Request) -> Response:
        """The process answers."""
        return _json({"status": "alive"})

    async def readyz(self, _request: Request) -> Response:
        """200 while the process serves, with the tenants whose Evolux fails; 503 while it stops.

        A tenant whose Evolux fails does not make the process unready: the others are served, and an error
        that says what is wrong is a better answer than none.
        """
        readiness = self._readiness()
        problems = {tenant: code.value for tenant, code in sorted(readiness.problems.items())}
        content = {"status": readiness.status, **({"tenants": problems} if problems else {})}
        return _json(content, status=200 if readiness.is_serving else 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text, or OpenMetrics with exemplars for who prefers it.

        Rendered beside the event loop, for hundreds of series take their time.
        """
        chosen = best_of(accept_of(request.headers), offered=[form.value for form in MetricsForm])
        form = MetricsForm.TEXT if chosen is None else MetricsForm(chosen)
        self._settle()
        body, content_type = await asyncio.to_thread(self._render_metrics, form)
        return Response(body, headers={"content-type": content_type, "vary": "Accept"})


def _json(content: Mapping[str, object], *, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        headers={"content-type": "application/json", "cache-control": "no-store"},
    )
