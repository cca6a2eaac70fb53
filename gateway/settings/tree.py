"""Every setting: its name, type, default and meaning. A unit is the end of the name."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.domain.secrets import ApiToken, KeyDigest, SecretUrl
from gateway.settings.formats import HttpUrl, Network, Origin, PrivateUrl, Text, TimeZone
from gateway.settings.limits import LimitSettings
from gateway.settings.subscriptions import SubscriptionSettings

CacheSeconds = Annotated[float, Meta(ge=0, le=604_800)]
ScopeName = Literal["agents:read", "agents:write", "gateway:status"]
AlgorithmName = Literal["RS256", "ES256", "EdDSA"]
DocumentModeName = Literal["off", "allow", "require"]
LogLevelName = Literal["debug", "info", "warning", "error"]
LoggerLevelName = Literal["debug", "info", "warning", "error", "off"]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway listens and how it stops."""

    host: Annotated[Text, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port; 0 lets the system choose.")] = 8000
    workers: Annotated[
        int, Meta(ge=1, le=64, description="Processes, each with a cache and limits of its own.")
    ] = 1
    shutdown_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="How long running requests may take to end at a stop.")
    ] = 20.0
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="At SIGTERM: how long to be unready, yet serve, so that balancers turn away first.",
        ),
    ] = 0.0
    keep_alive_seconds: Annotated[
        int,
        Meta(ge=1, le=3600, description="How long an idle connection stays; longer than a balancer's own."),
    ] = 75
    tls_certificate_file: Annotated[
        Text | None, Meta(description="PEM chain to serve HTTPS with, beside this file if relative.")
    ] = None
    tls_key_file: Annotated[
        Text | None, Meta(description="PEM key of that certificate, where its own file has none.")
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...], Meta(description="Proxies whose `X-Forwarded-*` headers are believed.")
    ] = ()
    compression: Annotated[
        bool,
        Meta(
            description="Answers of over 1 KB are compressed with zstd, Brotli or gzip, as the caller takes."
        ),
    ] = True
    graphiql: Annotated[bool, Meta(description="Browsers get GraphiQL at `/graphql`.")] = True
    board: Annotated[
        bool, Meta(description="Browsers get the board of all agents at `/board`, which asks for a key.")
    ] = True
    introspection: Annotated[bool, Meta(description="Callers may ask for the schema.")] = True
    federation: Annotated[
        bool,
        Meta(
            description="A subgraph of Apollo Federation 2: `_service` and `_entities` at `/graphql`, "
            "for every caller."
        ),
    ] = False
    cors_origins: Annotated[
        tuple[Origin, ...],
        Meta(description="Origins whose pages may call from a browser; credentials are never allowed."),
    ] = ()


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One customer of Evolux; the table's name is the tenant id. Exactly one of the three tokens is given."""

    base_url: Annotated[
        HttpUrl,
        Meta(description="Evolux of this tenant, without `/api/v1`; http:// only for loopback."),
    ]
    allow_insecure: Annotated[
        bool, Meta(description="Accept http:// to another machine: the token travels in the clear.")
    ] = False
    token_file: Annotated[
        Text | None,
        Meta(description="File of the token, beside this file if relative; read again when it changes."),
    ] = None
    token_env: Annotated[Text | None, Meta(description="Environment variable of the token.")] = None
    token: Annotated[ApiToken | None, Meta(description="The token itself, for local work only.")] = None
    timezone: Annotated[TimeZone, Meta(description='What "today" means to this tenant.')] = (
        "America/Sao_Paulo"
    )


class CallerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One caller with an API key; the table's name is the caller's name."""

    key_sha256: Annotated[
        KeyDigest, Meta(description='Hex sha256 of the key: `printf %s "$KEY" | sha256sum`.')
    ]
    tenants: Annotated[
        tuple[str, ...], Meta(min_length=1, description='Tenant ids, or `["*"]` alone for all.')
    ]
    scopes: Annotated[tuple[ScopeName, ...], Meta(min_length=1, description="What the caller may do.")]
    documents: Annotated[
        DocumentModeName,
        Meta(
            description="Persisted documents: none, beside any other document, or those of a manifest alone."
        ),
    ] = "allow"
    introspection: Annotated[
        bool,
        Meta(description="The caller may ask for the schema, where `server.introspection` lets anybody."),
    ] = True


class JwtSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Callers with a JWT; without this table there are none."""

    issuer: Annotated[Text, Meta(description="The `iss` that is accepted.")]
    audience: Annotated[Text, Meta(description="The `aud` that is accepted.")]
    jwks_url: Annotated[PrivateUrl, Meta(description="Where the issuer's public keys are.")]
    name_claim: Annotated[
        Text, Meta(description="Claim that says who calls; the log shows it after `jwt:`.")
    ] = "sub"
    tenants_claim: Annotated[
        Text, Meta(description="Claim with the tenant ids: a list, or a text with spaces.")
    ] = "tenants"
    scopes_claim: Annotated[
        Text,
        Meta(description="Claim with the scopes: a list, or a text with spaces; unknown ones are ignored."),
    ] = "scope"
    all_tenants: Annotated[
        bool, Meta(description='A tenants claim that holds `"*"` means every tenant; else it means none.')
    ] = False
    algorithms: Annotated[
        tuple[AlgorithmName, ...],
        Meta(min_length=1, description="Signatures that are accepted, each by keys of its own type alone."),
    ] = ("RS256", "ES256", "EdDSA")
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=300, description="How far the issuer's clock may be from ours.")
    ] = 30.0
    refresh_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="How often the keys are fetched anew, behind the callers.")
    ] = 300.0
    keep_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=604_800,
            description="How long the last good keys serve while the issuer does not show them.",
        ),
    ] = 86_400.0
    documents: Annotated[
        DocumentModeName, Meta(description="Persisted documents, as in `[callers.<name>]`.")
    ] = "allow"
    introspection: Annotated[
        bool, Meta(description="These callers may ask for the schema, where `server.introspection` lets.")
    ] = True


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old a listing may be when it is served, and how much is kept."""

    fresh_seconds: Annotated[CacheSeconds, Meta(description="Younger: served as it is.")] = 5.0
    stale_seconds: Annotated[
        CacheSeconds, Meta(description="So long after fresh: served, refreshed behind.")
    ] = 30.0
    stale_if_error_seconds: Annotated[
        CacheSeconds,
        Meta(
            description="So long after fresh, where Evolux fails: served, marked stale. "
            "At least `stale_seconds`."
        ),
    ] = 600.0
    walk_attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=10,
            description="Walks of a listing that changes meanwhile; the last is served "
            "with `complete: false`.",
        ),
    ] = 3
    max_megabytes: Annotated[
        int, Meta(ge=1, description="Memory for listings in one process, as estimated from their rows.")
    ] = 256
    max_tenant_megabytes: Annotated[
        int, Meta(ge=1, description="The same for one tenant, whose own least used listings go first.")
    ] = 128
    valkey_url: Annotated[
        SecretUrl | None, Meta(description="Valkey that shares listings and invalidation among replicas.")
    ] = None


class DocumentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GraphQL documents: those that were stored beforehand, and those that are kept."""

    manifest_files: Annotated[
        tuple[Text, ...],
        Meta(
            description="Persisted documents, beside this file if relative: Apollo's "
            "`apollo-persisted-query-manifest`, or a map of id to text as Relay's compiler writes it."
        ),
    ] = ()
    automatic: Annotated[
        bool, Meta(description="Automatic persisted queries: callers may store a document under its sha256.")
    ] = True
    max_megabytes: Annotated[
        int,
        Meta(ge=1, description="Memory for parsed documents in one process, as estimated from their text."),
    ] = 32


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told to whoever runs the gateway."""

    otlp_endpoint: Annotated[
        HttpUrl | None, Meta(description="OTLP/HTTP receiver of traces and metrics.")
    ] = None
    sample_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of traces kept where no caller decided; a sampled traceparent is followed.",
        ),
    ] = 0.05
    trace_evolux: Annotated[
        bool, Meta(description="Send `traceparent` to Evolux, beside the token's header: ids and no more.")
    ] = False
    service_name: Annotated[Text, Meta(description="`service.name` of every signal.")] = "evolux-gateway"
    log_level: Annotated[LogLevelName, Meta(description="Least severe line to log.")] = "info"
    log_levels: Annotated[
        Mapping[str, LoggerLevelName],
        Meta(
            description="The same for single loggers and what is below them, as in "
            '`{"gateway.http" = "warning"}`; the longest name counts.'
        ),
    ] = msgspec.field(default_factory=dict)
    log_format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="`auto`: console on a terminal, else JSON lines."),
    ] = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one gateway; `[tenants]`, `[callers]` and `[jwt]` are followed live."""

    server: ServerSettings = ServerSettings()
    tenants: Mapping[str, TenantSettings] = msgspec.field(default_factory=dict)
    callers: Mapping[str, CallerSettings] = msgspec.field(default_factory=dict)
    jwt: JwtSettings | None = None
    cache: CacheSettings = CacheSettings()
    subscriptions: SubscriptionSettings = SubscriptionSettings()
    documents: DocumentSettings = DocumentSettings()
    limits: LimitSettings = LimitSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
