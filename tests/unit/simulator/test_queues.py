"""Other forms of the queue listing that tenants may have."""

import httpx

from gateway.simulator.rows import WireForm
from gateway.simulator.world import World

NATAL = {"id": 3, "name": "Natal", "slug": "natal", "number": "3003", "public_number": None}


async def test_the_queue_listing_can_be_paginated_or_absent(client: httpx.AsyncClient, world: World) -> None:
    world.form = WireForm(queue_listing="paginated")
    body = (await client.get("/api/v1/queues?include_archived=true&limit=1&page=2")).json()
    assert body["data"] == [NATAL]
    assert (body["pagination"]["total"], body["pagination"]["next_url"]) == (2, None)
    world.form = WireForm(queue_listing="absent")
    assert (await client.get("/api/v1/queues")).status_code == 404
