"""A caller who uses gql: the schema from the gateway, then a query, an error, and a refused mutation."""

import asyncio
import json
import os
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError

BOARD = (
    "query ($first: Int!) { agents(first: $first) { nodes { id name state } totalCount } viewer { name } }"
)
LOG_OFF = "mutation ($id: ID!) { logoffAgent(input: {agentId: $id}) { changed errors { code retryable } } }"


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['KEY']}"}
    transport = AIOHTTPTransport(url=os.environ["URL"], headers=headers)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        board = await session.execute(gql(BOARD), variable_values={"first": 2})
        refused = await session.execute(gql(LOG_OFF), variable_values={"id": "1"})
        try:
            await session.execute(gql('{ agent(id: "404") { name } }'))
        except TransportQueryError as error:
            failed = error.errors[0]["extensions"]["code"]
        unknown = session.client.schema.type_map["ErrorCode"].values.keys()
    sys.stdout.write(
        json.dumps({"board": board, "refused": refused, "failed": failed, "codes": len(unknown)})
    )


asyncio.run(main())
