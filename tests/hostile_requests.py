"""Attacks by variables, ids, bodies, headers, URLs, and by the protocol itself."""

import gzip
import json
import zlib
from urllib.parse import quote

from tests.attacking import (
    AUTHORIZATION,
    BAD,
    CUT_OFF,
    FINE,
    GOOD,
    INPUT,
    INVALID,
    JSON_TYPE,
    NO_HANDSHAKE,
    NOT_HTTP,
    UNKNOWN,
    UNPARSED,
    WRONG_TYPE,
    Expected,
    get,
    post,
    raw,
)
from tests.raw_http import request
from tests.served import KEY

BY_IDS = "query ($ids: [ID!]) { agents(filter: {ids: $ids}) { totalCount } }"
BY_ID = "query ($id: ID!) { agent(id: $id) { id } }"

REQUESTS: dict[str, tuple[bytes, Expected]] = {
    "variables, very many": (post(BY_IDS, variables={"ids": ["1"] * 15_000}), (413, "OPERATION_TOO_LARGE")),
    "variables of the wrong kind": (post(BY_IDS, variables={"ids": [1.5] * 900}), INVALID),
    "variables nested": (
        raw(
            b'{"query": "{ viewer { name } }", "variables": '
            + b'{"a":' * 15_000
            + b"1"
            + b"}" * 15_000
            + b"}"
        ),
        BAD,
    ),
    "a variable of 4,000 digits": (
        raw(
            b'{"query": "query ($n: Int) { agents(first: $n) { totalCount } }", "variables": {"n": '
            + b"9" * 4_000
            + b"}}"
        ),
        INVALID,
    ),
    "a variable of 90,000 digits": (
        raw(
            b'{"query": "query ($n: Int) { agents(first: $n) { totalCount } }", "variables": {"n": '
            + b"9" * 90_000
            + b"}}"
        ),
        BAD,
    ),
    "variables that are a list": (post(variables=[1]), BAD),
    "extensions that are text": (post(extensions="x"), BAD),
    "a query that is an object": (post({"a": 1}), BAD),
    "an operation's name that is a number": (post(operationName=7), BAD),
    "__proto__": (post(variables={"__proto__": {"x": 1}, "constructor": {"prototype": 1}}), FINE),
    "an id that climbs": (post(BY_ID, variables={"id": "../1"}), INPUT),
    "an id with a query": (post(BY_ID, variables={"id": "1?token=x"}), INPUT),
    "an id with a header": (post(BY_ID, variables={"id": "1\r\nX-Evil: 1"}), INPUT),
    "an id of NUL": (post(BY_ID, variables={"id": "1\0"}), INPUT),
    "an id in Arabic digits": (post(BY_ID, variables={"id": "\u0661"}), INPUT),
    "a negative id": (post(BY_ID, variables={"id": "-1"}), INPUT),
    "a mutation's id that climbs": (
        post('mutation { logoffAgent(input: {agentId: "../../queues/1"}) { agent { id } } }'),
        INPUT,
    ),
    "a cursor that is none": (post('{ agents(after: "AAAA\\u0000") { totalCount } }'), INPUT),
    "a cursor of 90 KB": (post('{ agents(after: "' + "A" * 90_000 + '") { totalCount } }'), INPUT),
    "a batch": (raw(json.dumps([{"query": GOOD}] * 100).encode()), BAD),
    "JSON null": (raw(b"null"), BAD),
    "JSON 42": (raw(b"42"), BAD),
    "no body": (request(headers={**AUTHORIZATION, **JSON_TYPE, "Content-Length": "0"}), BAD),
    "JSON without end": (raw(b"[" * 90_000), BAD),
    "invalid UTF-8": (raw(b'{"query": "\xff\xfe"}'), BAD),
    "UTF-16": (raw(json.dumps({"query": GOOD}).encode("utf-16")), BAD),
    "NaN": (raw(b'{"query": "{ viewer { name } }", "variables": {"a": NaN}}'), BAD),
    "a body over the limit": (post(GOOD + " " * 100_001), (413, "OPERATION_TOO_LARGE")),
    "a body that lies to be long": (
        request(headers={**AUTHORIZATION, **JSON_TYPE, "Content-Length": str(10**15)}),
        (413, "OPERATION_TOO_LARGE"),
    ),
    "a body in endless chunks": (
        request(
            headers={**AUTHORIZATION, **JSON_TYPE, "Transfer-Encoding": "chunked"},
            body=(b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 10,
        ),
        (413, "OPERATION_TOO_LARGE"),
    ),
    "a gzip bomb": (
        raw(gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}),
        WRONG_TYPE,
    ),
    "a deflate bomb": (
        raw(zlib.compress(b" " * 10_000_000), headers={"Content-Encoding": "deflate"}),
        WRONG_TYPE,
    ),
    "brotli": (raw(b"x", headers={"Content-Encoding": "br"}), WRONG_TYPE),
    "gzip that is not named": (raw(gzip.compress(b'{"query": "{ viewer { name } }"}')), BAD),
    "a form": (
        raw(b"query=%7B__typename%7D", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        WRONG_TYPE,
    ),
    "multipart": (
        raw(b"--x\r\n\r\n--x--", headers={"Content-Type": "multipart/form-data; boundary=x"}),
        WRONG_TYPE,
    ),
    "plain text": (post(headers={"Content-Type": "text/plain"}), WRONG_TYPE),
    "another charset": (post(headers={"Content-Type": "application/json; charset=utf-7"}), WRONG_TYPE),
    "JSON with a suffix": (post(headers={"Content-Type": "application/jsonp"}), WRONG_TYPE),
    "two content types": (
        post(headers={"Content-Type": "text/plain", "content-type": "application/json"}),
        WRONG_TYPE,
    ),
    "GraphQL as a body": (raw(GOOD.encode(), headers={"Content-Type": "application/graphql"}), WRONG_TYPE),
    "a stored document's wrong hash": (
        post(extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
        BAD,
    ),
    "a hash that is a list": (post(extensions={"persistedQuery": {"version": 1, "sha256Hash": ["x"]}}), BAD),
    "a hash of another version": (
        post(extensions={"persistedQuery": {"version": 2, "sha256Hash": "x"}}),
        BAD,
    ),
    "a document's id that climbs": (get("/graphql/..%2f..%2fetc%2fpasswd"), (404, "BAD_REQUEST")),
    "a document's id of 8 KB": (get("/graphql/" + "a" * 8_000), BAD),
    "a document's id that is unknown": (
        get("/graphql/sha256:" + "a" * 64),
        (200, "PERSISTED_QUERY_NOT_FOUND"),
    ),
    "a mutation by GET": (
        get("/graphql?query=" + quote('mutation { logoffAgent(input: {agentId: "1"}) { agent { id } } }')),
        (405, "BAD_REQUEST"),
    ),
    "PUT": (get("/graphql", method="PUT"), (405, "BAD_REQUEST")),
    "DELETE": (get("/graphql", method="DELETE"), (405, "BAD_REQUEST")),
    "TRACE": (get("/graphql", method="TRACE"), (405, "BAD_REQUEST")),
    "a method that is none": (get("/graphql", method="HACK"), NOT_HTTP),
    "CONNECT": (get("gateway:443", method="CONNECT"), NOT_HTTP),
    "a slash too many": (post().replace(b"POST /graphql ", b"POST /graphql/ "), (404, "BAD_REQUEST")),
    "a path that climbs": (get("/../../etc/passwd"), (404, "BAD_REQUEST")),
    "an asset that climbs": (get("/graphql-assets/x/..%2f..%2fgraphql.py"), (404, "BAD_REQUEST")),
    "a parameter twice": (get("/graphql?query=%7Ba%7D&query=%7Bb%7D"), BAD),
    "variables in a URL that are none": (get("/graphql?query=%7Bviewer%7Bname%7D%7D&variables=%5B"), BAD),
    "bytes in a URL": (get("/graphql?query=%ff%fe%00"), UNPARSED),
    "a URL of 300 KB": (get("/graphql?query=" + "a" * 300_000), (431, "OPERATION_TOO_LARGE")),
    "no key": (request(headers=JSON_TYPE, body=b'{"query": "{ viewer { name } }"}'), UNKNOWN),
    "a wrong key": (post(headers={"Authorization": "Bearer planted-key-of-nobody"}), UNKNOWN),
    "a key by Basic": (post(headers={"Authorization": "Basic YTpi"}), UNKNOWN),
    "a key in a cookie": (
        request(
            headers={**JSON_TYPE, "Cookie": f"Authorization=Bearer {KEY}"},
            body=b'{"query": "{ viewer { name } }"}',
        ),
        UNKNOWN,
    ),
    "two keys": (post(headers={"authorization": "Bearer planted-key-of-nobody"}), UNKNOWN),
    "a key of 10 KB": (post(headers={"Authorization": "Bearer " + "k" * 10_000}), UNKNOWN),
    "a token with algorithm none": (
        post(headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}),
        UNKNOWN,
    ),
    "another tenant": (post(headers={"X-Tenant": "outra"}), (403, "UNKNOWN_TENANT")),
    "a tenant that climbs": (post(headers={"X-Tenant": "../acme"}), (403, "UNKNOWN_TENANT")),
    "a tenant with a new line": (post(headers={"X-Tenant": "acme\nX-Evil: 1"}), NOT_HTTP),
    "two tenants": (post(headers={"X-Tenant": "acme", "x-tenant": "outra"}), BAD),
    "a request id with markup": (post(headers={"X-Request-Id": "<script>alert(1)</script>"}), FINE),
    "a request id of 10 KB": (post(headers={"X-Request-Id": "x" * 10_000}), FINE),
    "headers of 20 KB": (post(headers={"X-Long": "x" * 20_000}), (431, "OPERATION_TOO_LARGE")),
    "headers, very many": (
        post(headers={f"X-{number}": "x" for number in range(5_000)}),
        (431, "OPERATION_TOO_LARGE"),
    ),
    "a header without end": (
        b"POST /graphql HTTP/1.1\r\nHost: g\r\nX-Endless: " + b"x" * 400_000,
        (431, "OPERATION_TOO_LARGE"),
    ),
    "an Accept of 15 KB": (post(headers={"Accept": "a/b;q=0.1, " * 1_300}), (406, "BAD_REQUEST")),
    "an Accept that is broken": (post(headers={"Accept": ";;;q=x,/,,"}), (406, "BAD_REQUEST")),
    "a Cache-Control of nonsense": (post(headers={"Cache-Control": "max-age=" + "9" * 5_000}), FINE),
    "a traceparent of nonsense": (post(headers={"traceparent": "00-" + "z" * 3_000}), FINE),
    "another host": (post(headers={"Host": "evil.example"}), FINE),
    "an upgrade to a WebSocket without its key": (
        get(
            "/graphql",
            headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        ),
        NO_HANDSHAKE,
    ),
    "a page of another site": (
        post(headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}),
        (403, "FORBIDDEN"),
    ),
    "bytes that are not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, NOT_HTTP),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NOT_HTTP),
    "a length and chunks": (
        post(headers={"Content-Length": "5", "Transfer-Encoding": "chunked"}),
        NOT_HTTP,
    ),
    "two lengths": (post(headers={"Content-Length": "5", "content-length": "500"}), NOT_HTTP),
    "a negative length": (post(headers={"Content-Length": "-1"}), NOT_HTTP),
    "chunks of nonsense": (
        request(headers={**AUTHORIZATION, **JSON_TYPE, "Transfer-Encoding": "chunked"}, body=b"zz\r\nxx\r\n"),
        NOT_HTTP,
    ),
    "a head that stops": (b"POST /graphql HTTP/1.1\r\nHost: g\r\n", (408, "BAD_REQUEST")),
    "a connection that says nothing": (b"", CUT_OFF),
    "a body that stops": (
        request(headers={**AUTHORIZATION, **JSON_TYPE, "Content-Length": "500"}, body=b'{"query": "'),
        (408, "BAD_REQUEST"),
    ),
}
