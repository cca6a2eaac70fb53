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
from tests.unit.settings.files import DIGEST, GOOD, OTHER_DIGEST, PLANTED, load, refused


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


def test_a_base_url_loses_its_last_slash(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD.replace("net.br", "net.br:8443/"))
    assert settings.tenants["acme"].base_url == "https://acme.evolux.net.br:8443"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000"])
def test_plain_http_is_taken_for_loopback(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, GOOD.replace("https://acme.evolux.net.br", url))
    assert settings.tenants["acme"].base_url == url


def test_plain_http_is_taken_elsewhere_only_where_it_is_allowed(tmp_path: Path) -> None:
    plain = GOOD.replace("https://", "http://")
    assert refused(tmp_path, plain).key == "tenants.acme.base_url"
    allowed = load(tmp_path, plain.replace("token =", "allow_insecure = true\ntoken ="))
    assert allowed.tenants["acme"].base_url == "http://acme.evolux.net.br"


def test_a_relative_token_file_stands_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme.token").write_text(f"{PLANTED}\n")
    monkeypatch.chdir("/")
    settings = load(tmp_path, GOOD.replace(f'token = "{PLANTED}"', 'token_file = "acme.token"'))
    assert settings.tenants["acme"].token_file == str(tmp_path / "acme.token")
    assert settings.tenants["acme"].token is None


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
                "one of graphiql, host, introspection, port, shutdown_seconds, trusted_proxies, workers; "
                "there is no such setting"
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
        ("[cache]\nmax_listings = 0", "cache.max_listings", "a whole number from 1 up"),
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


FLOATS = [
    f"{section}.{field.name}"
    for section, kind in sections().items()
    for field in msgspec.structs.fields(kind)
    if isinstance(field.default, float)
]


@pytest.mark.parametrize("key", FLOATS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "-1"])
def test_no_number_is_infinite_or_below_zero(tmp_path: Path, key: str, value: str) -> None:
    assert refused(tmp_path, f"{key} = {value}\n{GOOD}").key == key


@pytest.mark.parametrize("section", ["tenants", "callers"])
def test_tenants_and_callers_are_tables_of_tables(tmp_path: Path, section: str) -> None:
    error = refused(tmp_path, f"{section} = 1")
    assert (error.key, error.expected) == (section, "a table of tables")
    error = refused(tmp_path, f"{section}.acme = 1")
    assert (error.key, error.expected) == (f"{section}.acme", "a table")


@pytest.mark.parametrize(
    "url",
    [
        "acme.evolux.net.br",
        "ftp://acme.evolux.net.br",
        f"https://user:{PLANTED}@acme.evolux.net.br",
        f"https://{PLANTED}@acme.evolux.net.br",
        f"https://acme.evolux.net.br?token={PLANTED}",
        "https://acme.evolux.net.br?",
        f"https://acme.evolux.net.br#{PLANTED}",
        "https://",
        "https://:443",
        "https://acme.evolux.net.br:0",
        "https://acme.evolux.net.br:99999",
        "https://acme.evolux.net.br:x",
        "https://[::1",
        "https://acme evolux",
        "https://evil.example\\\\acme.evolux.net.br",
        "https://acmé.evolux.net.br",
        "https://acme.evolux.net.br/api/v1/",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "",
    ],
)
def test_a_base_url_that_could_leak_or_mislead_is_refused(tmp_path: Path, url: str) -> None:
    assert refused(tmp_path, GOOD.replace("https://acme.evolux.net.br", url)).key == "tenants.acme.base_url"


@pytest.mark.parametrize(
    "zone", ["Brasil/Brasilia", "America", "", "../etc/passwd", "UTC+3 ", "/etc/localtime"]
)
def test_an_unknown_time_zone_is_refused(tmp_path: Path, zone: str) -> None:
    error = refused(tmp_path, GOOD.replace("token =", f'timezone = "{zone}"\ntoken ='))
    assert error.key == "tenants.acme.timezone"
    assert error.expected == 'an IANA time zone such as "America/Sao_Paulo"'


@pytest.mark.parametrize("name", ["Acme", "-acme", "acme.norte", "ac me", "a" * 64, "", "acme\\n"])
def test_a_tenant_id_of_another_form_is_refused(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, GOOD.replace("[tenants.acme]", f'[tenants."{name}"]'))
    assert error.key.startswith("tenants.")
    assert error.expected == "a tenant id that matches ^[a-z0-9][a-z0-9_-]{0,62}$"


def test_a_tenant_without_a_base_url_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("base_url", "#"))
    assert (error.key, error.expected[-15:]) == ("tenants.acme.base_url", "; it is missing")


def test_no_token_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("token =", "#"))
    assert error.key == "tenants.acme.token_file"
    assert error.expected == "exactly one of token_file, token_env, token; none is given"


def test_two_tokens_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("token =", 'token_file = "acme.token"\ntoken ='))
    assert error.key == "tenants.acme.token"
    assert error.expected == "exactly one of token_file, token_env, token; token_file and token are given"


@pytest.mark.parametrize("token", [f"{PLANTED} x", f"{PLANTED}\\n", f"{PLANTED}é", f"\\t{PLANTED}"])
def test_a_token_that_no_header_can_carry_is_refused(tmp_path: Path, token: str) -> None:
    error = refused(tmp_path, GOOD.replace(PLANTED, token))
    assert (error.key, error.expected) == ("tenants.acme.token", ApiToken.expected)


def test_a_token_that_is_not_a_text_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace(f'"{PLANTED}"', f'["{PLANTED}"]'))
    assert (error.key, error.expected) == ("tenants.acme.token", ApiToken.expected)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"pl4nted-s3cret twice", b"pl4nted-s3cret\xff"])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "acme.token").write_bytes(content)
    error = refused(tmp_path, GOOD.replace(f'token = "{PLANTED}"', 'token_file = "acme.token"'))
    assert error.key == "tenants.acme.token_file"
    assert error.expected == f"a readable file with {ApiToken.expected}"


@pytest.mark.parametrize("environ", [{}, {"ACME_TOKEN": ""}, {"ACME_TOKEN": f"{PLANTED} x"}])
def test_a_token_variable_without_a_token_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    text = GOOD.replace(f'token = "{PLANTED}"', 'token_env = "ACME_TOKEN"')
    error = refused(tmp_path, text, environ=environ)
    assert error.key == "tenants.acme.token_env"
    assert error.expected == f"an environment variable that is set and with {ApiToken.expected}"
    assert load(tmp_path, text, environ={"ACME_TOKEN": PLANTED}).tenants["acme"].token_env == "ACME_TOKEN"


@pytest.mark.parametrize("digest", [PLANTED, DIGEST[:-1], DIGEST + "0", DIGEST[:-1] + "g", ""])
def test_a_key_digest_that_is_not_64_hex_is_refused(tmp_path: Path, digest: str) -> None:
    error = refused(tmp_path, GOOD.replace(DIGEST, digest))
    assert (error.key, error.expected) == ("callers.wallboard.key_sha256", KeyDigest.expected)


def test_two_callers_with_one_key_are_refused(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("[callers") :].replace("wallboard", "robot")
    error = refused(tmp_path, GOOD + second.replace(DIGEST, DIGEST.upper()))
    assert error.key == "callers.robot.key_sha256"
    assert error.expected == "a key of its own; callers.wallboard has the same"
    assert DIGEST not in str(error)
    assert set(load(tmp_path, GOOD + second.replace(DIGEST, OTHER_DIGEST)).callers) == {"wallboard", "robot"}


@pytest.mark.parametrize(
    ("tenants", "key", "expected"),
    [
        ('["acme", "amce"]', "callers.wallboard.tenants[1]", 'a tenant of this file, "acme"'),
        ('["zzz"]', "callers.wallboard.tenants[0]", "a tenant of this file, one of acme"),
        ('["acme", "*"]', "callers.wallboard.tenants[1]", '"*" alone, or tenant ids'),
        ("[]", "callers.wallboard.tenants", "a list that is not empty, each a text"),
        ('"acme"', "callers.wallboard.tenants", "a list that is not empty, each a text"),
        ("[1]", "callers.wallboard.tenants[0]", "a text"),
    ],
)
def test_a_caller_of_an_unknown_tenant_is_refused(
    tmp_path: Path, tenants: str, key: str, expected: str
) -> None:
    error = refused(tmp_path, GOOD.replace('["acme"]', tenants))
    assert (error.key, error.expected) == (key, expected)


def test_an_unknown_scope_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace('["agents:read"]', f'["agents:read", "{PLANTED}"]'))
    assert (error.key, error.expected) == ("callers.wallboard.scopes[1]", '"agents:read" or "agents:write"')


def test_a_callers_name_of_another_form_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("callers.wallboard", 'callers."a b"'))
    assert error.key == 'callers."a b"'
