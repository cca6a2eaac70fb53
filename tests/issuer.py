"""An issuer of JWTs: signs what a test asks for, and shows its keys on a socket, well or badly."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ISSUER = "https://id.example.com"
AUDIENCE = "evolux-gateway"
RSA = RSAKey.generate_key(2048)
OTHER_RSA = RSAKey.generate_key(2048)
ELLIPTIC = ECKey.generate_key("P-256")
EDWARDS = OKPKey.generate_key("Ed25519")
KEYS: Mapping[str, Key] = {"rsa-1": RSA, "ec-1": ELLIPTIC, "ed-1": EDWARDS}
ALGORITHMS = {"rsa-1": "RS256", "ec-1": "ES256", "ed-1": "EdDSA"}


def public(key: Key, *, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The key as a JWKS shows it."""
    named = {} if kid is None else {"kid": kid}
    return {**key.as_dict(private=False), **named, **more}


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a reader of acme, with changes; a change to None leaves the claim out."""
    now = time.time()
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "wallboard",
        "exp": now + 300,
        "tenants": ["acme"],
        "scope": "openid agents:read",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def encoded(value: bytes | Mapping[str, Any] | list[Any]) -> str:
    """A part of a token."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(
    payload: Mapping[str, Any] | bytes,
    *,
    kid: str | None = "rsa-1",
    key: Key | None = None,
    alg: str | None = None,
    **header: Any,
) -> str:
    """A token: by default with the key of its `kid`, and as that key signs."""
    alg = alg or ALGORITHMS[kid or "rsa-1"]
    named = {} if kid is None else {"kid": kid}
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signer = key or KEYS[kid or "rsa-1"]
    all_of_it = {"alg": alg, "typ": "JWT", **named, **header}
    first = encoded({name: value for name, value in all_of_it.items() if value is not None})
    text = f"{first}.{encoded(content)}"
    model = jws.JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
    return f"{text}.{encoded(model.sign(text.encode(), signer))}"


class Issuer:
    """What the JWKS address answers; `fetches` counts how often it was asked."""

    def __init__(self) -> None:
        self.keys = [public(key, kid=kid) for kid, key in KEYS.items()]
        self.content: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.fetches = 0
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self.url = ""

    async def answer(self, request: Request) -> Response:
        """Show the keys, or what stands in their place."""
        self.fetches += 1
        self.asked.append(str(request.url.path))
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        content = json.dumps({"keys": self.keys}).encode() if self.content is None else self.content
        return Response(content, status_code=self.status, headers=self.headers)


@asynccontextmanager
async def issuing(issuer: Issuer | None = None) -> AsyncIterator[Issuer]:
    """Serve the keys on a port of the system's choice."""
    issuer = issuer or Issuer()
    app = Starlette(routes=[Route("/{path:path}", issuer.answer)])
    config = uvicorn.Config(
        app, port=0, loop="none", log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    issuer.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/keys"
    try:
        yield issuer
    finally:
        if issuer.gate is not None:
            issuer.gate.set()
        server.should_exit = True
        await serving
