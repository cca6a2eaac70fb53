"""A subscriber who uses gql over WebSocket: a line for each event; it comes again with the last id."""

import asyncio
import json
import os
import sys

from gql import Client, gql
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportError

FOLLOW = gql("subscription { agentChanged { initial agents { id name } left totalCount } }")


async def follow(url: str, *, events: int) -> None:
    """Print so many events, over as many connections as it takes."""
    last_event_id = None
    while events:
        init = {"Authorization": f"Bearer {os.environ['KEY']}"}
        if last_event_id is not None:
            init["Last-Event-ID"] = last_event_id
        transport = AIOHTTPWebsocketsTransport(
            url=url, init_payload=init, subprotocols=["graphql-transport-ws"]
        )
        try:
            async with Client(transport=transport) as session:
                async for result in session.subscribe(FOLLOW, get_execution_result=True):
                    last_event_id = result.extensions["eventId"]
                    sys.stdout.write(json.dumps(result.data["agentChanged"]) + "\n")
                    sys.stdout.flush()
                    events -= 1
                    if not events:
                        return
        except (TransportError, OSError):
            await asyncio.sleep(0.05)


asyncio.run(follow(os.environ["URL"].replace("http", "ws"), events=int(os.environ["EVENTS"])))
