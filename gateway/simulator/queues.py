"""Endpoints of queues: the listing and one queue."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.simulator.agents import world_of
from gateway.simulator.answers import Refusal, Window, envelope, link_to, page_response
from gateway.simulator.rows import queue_row


async def list_queues(request: Request) -> Response:
    """Queues, archived ones only if asked; message "Created" as in the field, and no paging unless set."""
    world = world_of(request)
    if world.form.queue_listing == "absent":
        raise Refusal(404, message="Not found")
    queues = [queue for queue in world.queues.values() if not queue.archived or _with_archived(request)]
    rows = [msgspec.json.encode(queue_row(queue)) for queue in queues]
    if world.form.queue_listing == "plain":
        return page_response(rows, pagination=None, message="Created")
    window = Window(request, total=len(rows))

    def link(page: int) -> str:
        query = f"/?limit={window.limit}&page={page}"
        return link_to(request, scheme="http", host=world.form.links_host, query=query)

    return page_response(rows[window.rows], pagination=window.pagination(link), message="Created")


async def get_queue(request: Request) -> Response:
    """One queue; 404 where there is none, 422 where it is archived and that was not asked for."""
    world = world_of(request)
    queue = world.queues.get(request.path_params["queue_id"])
    if queue is None or world.form.queue_listing == "absent":
        raise Refusal(404, message="Queue not found")
    if queue.archived and not _with_archived(request):
        raise Refusal(422, message="Queue archived not requested")
    return envelope(200, message="OK", data=queue_row(queue))


def _with_archived(request: Request) -> bool:
    return request.query_params.get("include_archived", "").lower() == "true"
