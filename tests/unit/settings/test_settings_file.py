"""What a settings file may say, and how one that cannot be used is refused."""

from pathlib import Path

import msgspec
import pytest

from gateway.domain.secrets import ApiToken, KeyDigest, SecretUrl
from gateway.settings import (
    CallerSettings,
    JwtSettings,
    Settings,
    SettingsError,
    TenantSettings,
    load_settings,
)
from gateway.settings.environment import sections
from tests.unit.settings.files import DIGEST, GOOD, PLANTED, load, refused


def test_a_short_file_leaves_the_rest_to_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == Settings(
        tenants={"acme": TenantSettings(base_url="https://acme.evolux.net.br", token=ApiToken(PLANTED))},
        callers={
            "wallboard": CallerSettings(
                key_sha256=KeyDigest(DIGEST), tenants=("acme",), scopes=("agents:read",)
            )
        },
    )


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.tenants["acme"].timezone == "America/Sao_Paulo"
    assert settings.jwt is None
    cache = settings.cache
    assert (cache.fresh_seconds, cache.stale_seconds, cache.stale_if_error_seconds) == (5, 30, 600)
    assert cache.valkey_url is None
    assert settings.limits.upstream_concurrency == 10
    assert (settings.limits.max_body_bytes, settings.limits.max_page_size) == (100_000, 500)
    assert (settings.telemetry.otlp_endpoint, settings.telemetry.sample_ratio) == (None, 0.05)


def test_every_section_of_the_contract_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        GOOD
        + """
[server]
host = "::1"
port = 0
trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
graphiql = false
[jwt]
issuer = "https://id.example.com"
audience = "evolux-gateway"
jwks_url = "https://id.example.com/jwks"
scopes_claim = "scp"
[cache]
fresh_seconds = 1
valkey_url = "valkeys://:pl4nted-s3cret@valkey:6379/0"
[limits]
max_depth = 9
[telemetry]
otlp_endpoint = "http://collector:4318"
log_format = "json"
""",
    )
    assert settings.server.host == "::1"
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert settings.server.graphiql is False
    assert settings.jwt == JwtSettings(
        issuer="https://id.example.com",
        audience="evolux-gateway",
        jwks_url="https://id.example.com/jwks",
        scopes_claim="scp",
    )
    assert settings.cache.fresh_seconds == 1.0
    assert settings.cache.valkey_url == SecretUrl(f"valkeys://:{PLANTED}@valkey:6379/0")
    assert settings.limits.max_depth == 9
    assert settings.telemetry.otlp_endpoint == "http://collector:4318"
    assert PLANTED not in repr(settings)


def test_an_empty_text_means_not_set(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        GOOD.replace("[callers", 'token_file = ""\ntoken_env = ""\n[callers')
        + '[cache]\nvalkey_url = ""\n[telemetry]\notlp_endpoint = ""\n',
    )
    assert settings == load(tmp_path, GOOD)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == load(tmp_path, GOOD)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "none.toml", environ={})
    assert str(caught.value) == f"{tmp_path}/none.toml: expected a file; there is none"


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, environ={})
    assert str(caught.value) == f"{tmp_path}: expected a readable file (IsADirectoryError)"


def test_a_file_that_is_not_utf_8_is_named_with_the_byte(tmp_path: Path) -> None:
    assert refused(tmp_path, b"# \xff\n").expected == "UTF-8; byte 2 is not"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'[tenants.acme]\ntoken = "{PLANTED}', "TOML; end of document is not"),
        (f"[tenants.acme]\ntoken = {PLANTED}\n", "TOML; line 2, column 9 is not"),
        (f'{PLANTED}\n[tenants.acme]\ntoken = "x"\n', "TOML; line 1, column 15 is not"),
        (f'a = {{ "{PLANTED}" = 1, "{PLANTED}" = 2 }}\n', "TOML; line 1, column 49 is not"),
        (f"a = {'[' * 5000}", "TOML without numbers or nesting beyond reason"),
        (f"a = {'9' * 5000}", "TOML without numbers or nesting beyond reason"),
    ],
)
def test_a_syntax_error_gives_its_place_and_no_source(tmp_path: Path, text: str, expected: str) -> None:
    error = refused(tmp_path, text)
    assert error.expected == expected
    assert error.key == ""
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_file_without_tenants_is_refused_as_a_truncated_one_would_be(tmp_path: Path) -> None:
    assert refused(tmp_path, "").key == "tenants"


@pytest.mark.parametrize(
    ("extra", "key", "expected"),
    [
        ('[server]\nport = "8000"', "server.port", "a whole number from 0 to 65535"),
        ("[server]\nport = 8000.5", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nport = true", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nport = 70000", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nhost = 1979-05-27", "server.host", "a text that is not empty"),
        ('[server]\nhost = ""', "server.host", "a text that is not empty"),
        ("[server]\ngraphiql = 1", "server.graphiql", "true or false"),
        ("[server]\nprot = 1", "server.prot", '"port"; there is no such setting'),
        ('server = "x"', "server", "a table"),
        ("[[server]]\nport = 1", "server", "a table"),
        ("[cahce]\nfresh_seconds = 1", "cahce", '"cache"; there is no such setting'),
        (
            '[server]\n"a\\nb" = 1',
            r'server."a\nb"',
            (
                "one of board, compression, cors_origins, drain_seconds, federation, graphiql, host, "
                "introspection, keep_alive_seconds, port, shutdown_seconds, tls_certificate_file, "
                "tls_key_file, trusted_proxies, workers; there is no such setting"
            ),
        ),
        (
            '[server]\ntrusted_proxies = ["10.0.0.0/8", "10.0.0.1/8"]',
            "server.trusted_proxies[1]",
            'an address or network such as "10.0.0.0/8"',
        ),
        ("[cache]\nfresh_seconds = -1", "cache.fresh_seconds", "a number from 0 to 604800"),
        ("[cache]\nfresh_seconds = nan", "cache.fresh_seconds", "a number from 0 to 604800"),
        ("[cache]\nfresh_seconds = inf", "cache.fresh_seconds", "a number from 0 to 604800"),
        (
            "[cache]\nstale_seconds = 60\nstale_if_error_seconds = 59",
            "cache.stale_if_error_seconds",
            "at least cache.stale_seconds",
        ),
        ("[cache]\nwalk_attempts = 0", "cache.walk_attempts", "a whole number from 1 to 10"),
        ("[cache]\nmax_tenant_megabytes = 0", "cache.max_tenant_megabytes", "a whole number from 1 up"),
        (
            f'[cache]\nvalkey_url = "https://:{PLANTED}@valkey"',
            "cache.valkey_url",
            SecretUrl.expected,
        ),
        (
            "[limits]\nupstream_read_seconds = 26",
            "limits.upstream_read_seconds",
            "at most limits.upstream_deadline_seconds",
        ),
        (
            "[limits]\nupstream_connect_seconds = 26",
            "limits.upstream_connect_seconds",
            "at most limits.upstream_deadline_seconds",
        ),
        (
            "[limits]\nretry_wait_seconds = 3",
            "limits.retry_wait_seconds",
            "at most limits.retry_max_wait_seconds",
        ),
        (
            "[limits]\nupstream_read_seconds = 0",
            "limits.upstream_read_seconds",
            "a number above 0, at most 3600",
        ),
        ("[limits]\nmax_page_size = 501", "limits.max_page_size", "a whole number from 50 to 500"),
        ("[telemetry]\nsample_ratio = 1.5", "telemetry.sample_ratio", "a number from 0 to 1"),
        (
            f'[telemetry]\nlog_level = "{PLANTED}"',
            "telemetry.log_level",
            '"debug" or "error" or "info" or "warning"',
        ),
        (
            f'[telemetry]\nlog_levels = {{"gateway.http" = "{PLANTED}"}}',
            'telemetry.log_levels."gateway.http"',
            '"debug" or "error" or "info" or "off" or "warning"',
        ),
        (
            '[telemetry.log_levels]\ngateway.http = "error"',
            "telemetry.log_levels.gateway",
            '"debug" or "error" or "info" or "off" or "warning"; a name with a dot stands in quotes',
        ),
        (
            "[telemetry]\nlog_levels = 'debug'",
            "telemetry.log_levels",
            'a table, for each name "debug" or "error" or "info" or "off" or "warning"',
        ),
        (
            '[telemetry.log_levels]\n"gateway.audit" = "off"',
            'telemetry.log_levels."gateway.audit"',
            "another logger: records of the audit are always written",
        ),
        (
            f'[telemetry]\notlp_endpoint = "https://x:{PLANTED}@collector"',
            "telemetry.otlp_endpoint",
            "an http:// or https:// URL without credentials, query or fragment",
        ),
        ('[jwt]\nissuer = "i"\naudience = "a"', "jwt.jwks_url", None),
        ('[jwt]\nissuer = "i"\naudience = "a"\njwks_url = "http://id.example.com"', "jwt.jwks_url", None),
        ("jwt = 1", "jwt", "a table"),
        ("[jwt]", "jwt.issuer", "a text that is not empty; it is missing"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_key(
    tmp_path: Path, extra: str, key: str, expected: str | None
) -> None:
    error = refused(tmp_path, f"{extra}\n{GOOD}")
    assert error.key == key
    if expected is None:
        assert error.expected.startswith("an https:// URL (http:// for loopback)")
    else:
        assert error.expected == expected


REQUIRED = {
    "jwt": 'jwt.issuer = "i"\njwt.audience = "a"\njwt.jwks_url = "https://id.example.com/jwks"\n',
}
FLOATS = [
    f"{section}.{field.name}"
    for section, kind in sections().items()
    for field in msgspec.structs.fields(kind)
    if isinstance(field.default, float)
]


@pytest.mark.parametrize("key", FLOATS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "-1"])
def test_no_number_is_infinite_or_below_zero(tmp_path: Path, key: str, value: str) -> None:
    others = REQUIRED.get(key.partition(".")[0], "")
    assert refused(tmp_path, f"{others}{key} = {value}\n{GOOD}").key == key


@pytest.mark.parametrize("section", ["tenants", "callers"])
def test_tenants_and_callers_are_tables_of_tables(tmp_path: Path, section: str) -> None:
    error = refused(tmp_path, f"{section} = 1")
    assert (error.key, error.expected) == (section, "a table of tables")
    error = refused(tmp_path, f"{section}.acme = 1")
    assert (error.key, error.expected) == (f"{section}.acme", "a table")
