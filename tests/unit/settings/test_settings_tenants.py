"""What the settings say of tenants and callers, and how what could leak or mislead is refused."""

from pathlib import Path

import pytest

from gateway.domain.secrets import ApiToken, KeyDigest
from tests.unit.settings.files import DIGEST, GOOD, OTHER_DIGEST, PLANTED, load, refused


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
    assert (error.key, error.expected) == (
        "callers.wallboard.scopes[1]",
        '"agents:read" or "agents:write" or "gateway:status"',
    )


def test_a_callers_name_of_another_form_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("callers.wallboard", 'callers."a b"'))
    assert error.key == 'callers."a b"'
