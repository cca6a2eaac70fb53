"""Faults and the request log over HTTP, for people who develop against the simulator by hand."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.simulator.answers import Refusal, envelope, json_response
from gateway.simulator.faults import Fault, FaultKind, Faults, Rows
from gateway.simulator.interference import CONTROL_PATH
from gateway.simulator.requests import RequestLog


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault as JSON. `set_fields` puts values into every row, for kind "rows"; `count` null is for ever."""

    kind: FaultKind
    method: str | None = None
    path: str = "/"
    page: int | None = None
    count: int | None = 1
    probability: float = 1.0
    status: int = 503
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    seconds: float = 0.0
    location: str = ""
    set_fields: dict[str, Any] = msgspec.field(default_factory=dict)
    total: int | None = None

    def fault(self) -> Fault:
        """The fault that is ordered."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        values = fields.pop("set_fields")
        fields["body"] = self.body.encode()
        return Fault(**fields, rows=lambda rows: _with(rows, values=values) if values else rows)


async def arm_fault(request: Request) -> Response:
    """POST: arm one fault. Refusal: 400 names what is wrong with the order."""
    try:
        order = msgspec.json.decode(await request.body(), type=FaultOrder)
    except msgspec.MsgspecError as error:
        raise Refusal(400, message="Bad request", errors=[str(error)]) from None
    faults: Faults = request.app.state.faults
    faults.add(order.fault())
    return envelope(201, message="Created", data={"armed": len(faults)})


async def clear_faults(request: Request) -> Response:
    """DELETE: disarm every fault and let go what hangs."""
    faults: Faults = request.app.state.faults
    faults.clear()
    return envelope(200, message="OK", data={"armed": len(faults)})


async def show_requests(request: Request) -> Response:
    """GET: how many requests came, by method, path and page, and how many were open at once."""
    log: RequestLog = request.app.state.requests
    body = {"total": len(log), "peak_in_flight": log.peak_in_flight, "counts": log.summary()}
    return json_response(msgspec.json.encode(body))


ROUTES = (
    Route(f"{CONTROL_PATH}/faults", arm_fault, methods=["POST"]),
    Route(f"{CONTROL_PATH}/faults", clear_faults, methods=["DELETE"]),
    Route(f"{CONTROL_PATH}/requests", show_requests, methods=["GET"]),
)


def _with(rows: Rows, *, values: dict[str, Any]) -> Rows:
    return [{**row, **values} for row in rows]
