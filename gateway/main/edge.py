"""The HTTP edge as the settings say: limits, rates, documents, and who may call from where."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema
from starlette.applications import Starlette

from gateway.domain.call_center import CallCenter
from gateway.domain.clock import Clock
from gateway.domain.feeds import Feeds
from gateway.domain.idempotency import OnceOnly
from gateway.domain.ids import TenantId
from gateway.engine.costs import CostModel, CostTable
from gateway.engine.documents import Documents
from gateway.engine.limits import FormLimits
from gateway.engine.manifests import ManifestError, parse_manifest
from gateway.engine.persisted import PersistedDocuments
from gateway.schema.costs import FIELD_COSTS, LIST_LENGTHS
from gateway.schema.federation import federated
from gateway.schema.planning import build_executor
from gateway.schema.schema import build_schema, print_sdl
from gateway.settings import LimitSettings, Settings, SettingsError
from gateway.telemetry.telemetry import Telemetry
from gateway.tenancy import Directory
from gateway.web.app import build_app
from gateway.web.at_once import PATH, AnswersAtOnce
from gateway.web.authentication import Authentication
from gateway.web.board import board_routes
from gateway.web.compression import Compressor
from gateway.web.connections import AT_ONCE_KEY, LIMITS_KEY, ConnectionLimits
from gateway.web.exports import FileDesk
from gateway.web.graphiql import asset_routes, graphiql_page
from gateway.web.graphql import GraphQLEndpoint, RequestLimits
from gateway.web.health import Health
from gateway.web.lane import QueryLane
from gateway.web.ledger import RequestLedger
from gateway.web.once import Idempotency
from gateway.web.persisted import DocumentDesk
from gateway.web.rates import Rate, RequestRates
from gateway.web.recognition import Recognition
from gateway.web.rest import RestLimits, RestSurface
from gateway.web.sockets import SocketLimits, Sockets
from gateway.web.status import GatewayStatus, StatusPage
from gateway.web.stream_desk import StreamDesk, StreamLimits

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[Any]]


def build_edge(
    settings: Settings,
    *,
    directory: Directory,
    call_center_of: Callable[[TenantId], CallCenter],
    persisted: PersistedDocuments,
    clock: Clock,
    once_only: OnceOnly,
    health: Health,
    telemetry: Telemetry,
    ledger: RequestLedger,
    report: Callable[[], GatewayStatus],
    feeds: Feeds,
    streams_end: asyncio.Event,
    is_draining: Callable[[], bool],
    lifespan: Lifespan,
) -> Starlette:
    """Put the application together around what serves the tenants."""
    server, limits = settings.server, settings.limits
    schema = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
    if server.federation:
        schema = federated(schema, sdl=print_sdl())
    documents = _documents(settings, schema=schema)
    authentication = Authentication(directory, call_center_of=call_center_of, rates=_rates(limits))
    idempotency = Idempotency(
        once_only,
        deadline_seconds=limits.upstream_deadline_seconds,
        told=telemetry.record_keyed_write,
    )
    executor = build_executor(schema, on_hand_over=telemetry.record_hand_over)
    streams = StreamDesk(
        executor=executor,
        feeds=feeds,
        authentication=authentication,
        clock=clock,
        limits=_stream_limits(settings),
        streams_end=streams_end,
        telemetry=telemetry,
    )
    graphql = GraphQLEndpoint(
        schema,
        executor=executor,
        documents=documents,
        desk=DocumentDesk(documents, persisted=persisted, stores_automatically=settings.documents.automatic),
        authentication=authentication,
        idempotency=idempotency,
        clock=clock.now,
        tracing=telemetry.tracing,
        limits=_request_limits(limits),
        introspection=server.introspection,
        streams=streams,
        page=(lambda: graphiql_page(endpoint="/graphql")) if server.graphiql else None,
    )

    rest = RestSurface(
        authentication=authentication,
        idempotency=idempotency,
        clock=clock.now,
        files=FileDesk(telemetry),
        limits=_rest_limits(limits),
        tracing=telemetry.tracing,
    )

    status = StatusPage(authentication, report=report)
    lane = QueryLane(
        recognition=Recognition(),
        authentication=authentication,
        executor=executor,
        clock=clock.now,
        tracing=telemetry.tracing,
        limits=_request_limits(limits),
    )
    compressor = Compressor() if server.compression else None
    at_once = AnswersAtOnce(
        lane,
        telemetry=telemetry,
        ledger=ledger,
        compressor=compressor,
        max_header_bytes=limits.max_header_bytes,
        is_draining=is_draining,
    )

    @asynccontextmanager
    async def with_documents(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with lifespan(app):
            try:
                yield {LIMITS_KEY: _connection_limits(limits), AT_ONCE_KEY: (PATH.encode(), at_once)}
            finally:
                await streams.close()
                documents.close()

    return build_app(
        graphql=graphql,
        sockets=Sockets(
            authentication=authentication,
            streams=streams,
            limits=_socket_limits(settings),
            origins=server.cors_origins,
            telemetry=telemetry,
        ),
        health=health,
        telemetry=telemetry,
        max_header_bytes=limits.max_header_bytes,
        max_concurrent_requests=limits.max_concurrent_requests,
        cors_origins=server.cors_origins,
        ledger=ledger,
        compressor=compressor,
        lifespan=with_documents,
        lane=lane,
        more_routes=[
            status.route(),
            *rest.routes(),
            *(asset_routes() if server.graphiql else []),
            *(board_routes() if server.board else []),
        ],
    )


def persisted_documents(settings: Settings, *, config_path: Path | None) -> PersistedDocuments:
    """The documents of all manifests, read now; `SettingsError` where one is none or two disagree."""
    known: dict[str, str] = {}
    for index, file in enumerate(settings.documents.manifest_files):
        key = f"documents.manifest_files[{index}]"
        try:
            found = parse_manifest(Path(file).read_bytes())
        except OSError:
            raise SettingsError(config_path or Path(file), key=key, expected="a readable file") from None
        except ManifestError as refused:
            raise SettingsError(config_path or Path(file), key=key, expected=str(refused)) from None
        if any(known.get(one, text) != text for one, text in found.items()):
            raise SettingsError(
                config_path or Path(file), key=key, expected="ids that no other manifest gives another text"
            )
        known |= found
    return PersistedDocuments(known)


def _documents(settings: Settings, *, schema: GraphQLSchema) -> Documents:
    limits = settings.limits
    form = FormLimits(
        tokens=limits.max_tokens,
        depth=limits.max_depth,
        fields=limits.max_fields,
        aliases=limits.max_aliases,
        root_fields=limits.max_root_fields,
        directives=limits.max_directives,
    )
    table = CostTable(lengths=LIST_LENGTHS, costs=FIELD_COSTS, max_page=limits.max_page_size)
    return Documents(
        limits=form,
        costs=CostModel(schema, table),
        max_held_bytes=settings.documents.max_megabytes * 2**20,
    )


def _request_limits(limits: LimitSettings) -> RequestLimits:
    return RequestLimits(
        max_body_bytes=limits.max_body_bytes,
        body_seconds=limits.body_seconds,
        max_variable_values=limits.max_variable_values,
        max_cost=limits.max_cost,
        report_cost=limits.report_cost,
        deadline_seconds=limits.upstream_deadline_seconds,
    )


def _stream_limits(settings: Settings) -> StreamLimits:
    subscriptions = settings.subscriptions
    return StreamLimits(
        max_per_caller=subscriptions.max_per_caller,
        max_per_tenant=subscriptions.max_per_tenant,
        max_open=subscriptions.max_open,
        refresh_seconds=subscriptions.refresh_seconds,
        keep_alive_seconds=subscriptions.keep_alive_seconds,
        poll_seconds=subscriptions.poll_seconds,
        deadline_seconds=settings.limits.upstream_deadline_seconds,
    )


def _socket_limits(settings: Settings) -> SocketLimits:
    return SocketLimits(
        init_seconds=settings.subscriptions.init_seconds,
        max_operations=settings.subscriptions.max_per_connection,
        max_open=settings.subscriptions.max_open,
        max_header_bytes=settings.limits.max_header_bytes,
    )


def _rest_limits(limits: LimitSettings) -> RestLimits:
    return RestLimits(
        max_body_bytes=limits.max_body_bytes,
        body_seconds=limits.body_seconds,
        deadline_seconds=limits.upstream_deadline_seconds,
    )


def _rates(limits: LimitSettings) -> RequestRates:
    return RequestRates(
        caller=Rate(requests_per_second=limits.caller_requests_per_second, burst=limits.caller_burst),
        tenant=Rate(requests_per_second=limits.tenant_requests_per_second, burst=limits.tenant_burst),
        strangers=Rate(requests_per_second=limits.stranger_requests_per_second, burst=limits.stranger_burst),
        monotonic=time.monotonic,
    )


def _connection_limits(limits: LimitSettings) -> ConnectionLimits:
    """A head is a line and headers: the line has room for a query by GET of its own."""
    return ConnectionLimits(
        head_seconds=limits.head_seconds, max_head_bytes=limits.max_header_bytes + limits.max_body_bytes
    )
