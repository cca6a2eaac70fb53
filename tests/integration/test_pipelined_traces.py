"""Requests that come in one packet have a trace each, or none, as if they had come one by one."""

import asyncio
import json

from gateway.settings import CacheSettings
from tests.integration.test_traces import BOARD, crowd, traced
from tests.otlp import CALLER_SPAN, CALLER_TRACE, attributes_of, receiving, until
from tests.raw_http import request
from tests.served import KEY, serving

UNTRACED = "1af7651916cd43dd8448eb211c80319c"
COLD = CacheSettings(fresh_seconds=0, stale_seconds=0)


def asked(query: str, *, traceparent: str) -> bytes:
    body = json.dumps({"query": query}).encode()
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "traceparent": traceparent,
    }
    return request(headers=headers, body=body)


async def test_what_a_caller_wants_untraced_is_not_in_the_trace_of_the_request_before() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received, cache=COLD)) as (served, _simulators):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
            writer.write(
                asked(BOARD, traceparent=f"00-{CALLER_TRACE}-{CALLER_SPAN}-01")
                + asked("query Second { queues { id } }", traceparent=f"00-{UNTRACED}-{CALLER_SPAN}-00")
            )
            async with asyncio.timeout(10):
                for _ in range(2):
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 200")
                    await reader.readexactly(
                        int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    )
            writer.close()
            openmetrics = {"accept": "application/openmetrics-text"}
            metrics = (await served.client.get("/metrics", headers=openmetrics)).text
        await until(lambda: any(span.name.startswith("POST") for span in received.of()))
        spans = received.of()
        assert received.of(UNTRACED) == []
    told = [(span.name, attributes_of(span)) for span in spans]
    assert {one["graphql.operation.name"] for _, one in told if "graphql.operation.name" in one} == {"Board"}
    assert {one["gateway.listing"] for _, one in told if "gateway.listing" in one} == {"agents"}
    of_queues = [line for line in metrics.splitlines() if 'listing="queues"' in line]
    assert of_queues
    assert not [line for line in of_queues if CALLER_TRACE in line]
