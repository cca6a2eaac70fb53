"""Environment variables over the file."""

from pathlib import Path

import pytest

from gateway.domain.secrets import ApiToken
from gateway.settings.environment import setting_names
from tests.unit.settings.files import DIGEST, GOOD, PLANTED, load, refused


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"[server]\nport = 1\nworkers = 3\n{GOOD}",
        environ={
            "GATEWAY_SERVER__PORT": "9000",
            "GATEWAY_SERVER__GRAPHIQL": "false",
            "GATEWAY_CACHE__FRESH_SECONDS": "2.5",
            "GATEWAY_TENANTS__ACME__BASE_URL": "https://other.evolux.net.br",
            "GATEWAY_TELEMETRY__LOG_FORMAT": "json",
        },
    )
    assert (settings.server.port, settings.server.workers, settings.server.graphiql) == (9000, 3, False)
    assert settings.cache.fresh_seconds == 2.5
    assert settings.tenants["acme"].base_url == "https://other.evolux.net.br"
    assert settings.telemetry.log_format == "json"


def test_a_variables_name_ignores_case(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD, environ={"GATEWAY_Server__port": "9000"})
    assert settings.server.port == 9000


@pytest.mark.parametrize("value", ["acme, beta", '["acme", "beta"]', "acme,beta,"])
def test_a_list_is_json_or_has_commas(tmp_path: Path, value: str) -> None:
    text = GOOD + f'[tenants.beta]\nbase_url = "https://b.evolux.net.br"\ntoken = "{PLANTED}"\n'
    settings = load(tmp_path, text, environ={"GATEWAY_CALLERS__WALLBOARD__TENANTS": value})
    assert settings.callers["wallboard"].tenants == ("acme", "beta")


@pytest.mark.parametrize(
    "value", ["gateway.http=error, httpx=off", '{"gateway.http": "error", "httpx": "off"}']
)
def test_a_table_is_json_or_has_equals_signs(tmp_path: Path, value: str) -> None:
    text = GOOD + '[telemetry.log_levels]\nuvicorn = "debug"\n'
    settings = load(tmp_path, text, environ={"GATEWAY_TELEMETRY__LOG_LEVELS": value})
    assert settings.telemetry.log_levels == {"gateway.http": "error", "httpx": "off"}


def test_a_tenant_with_dashes_is_found_by_underscores(tmp_path: Path) -> None:
    text = GOOD.replace("tenants.acme", "tenants.acme-norte").replace('["acme"]', '["*"]')
    settings = load(tmp_path, text, environ={"GATEWAY_TENANTS__ACME_NORTE__TIMEZONE": "America/Manaus"})
    assert {name: one.timezone for name, one in settings.tenants.items()} == {"acme-norte": "America/Manaus"}


def test_a_tenant_with_two_underscores_in_a_row_is_found(tmp_path: Path) -> None:
    text = GOOD.replace("tenants.acme", "tenants.acme__norte").replace('["acme"]', '["*"]')
    settings = load(tmp_path, text, environ={"GATEWAY_TENANTS__ACME__NORTE__TIMEZONE": "America/Manaus"})
    assert settings.tenants["acme__norte"].timezone == "America/Manaus"


def test_a_variable_that_could_mean_two_tenants_is_refused(tmp_path: Path) -> None:
    second = '[tenants.acme_norte]\nbase_url = "https://b.evolux.net.br"\ntoken = "x"\n'
    text = GOOD.replace("tenants.acme", "tenants.acme-norte") + second
    error = refused(tmp_path, text, environ={"GATEWAY_TENANTS__ACME_NORTE__TOKEN": PLANTED})
    assert error.key == "GATEWAY_TENANTS__ACME_NORTE__TOKEN"
    assert error.expected == "a name that fits one table, not acme-norte and acme_norte"


def test_a_whole_configuration_can_stand_in_the_environment(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "",
        environ={
            "GATEWAY_TENANTS__ACME__BASE_URL": "https://acme.evolux.net.br",
            "GATEWAY_TENANTS__ACME__TOKEN": PLANTED,
            "GATEWAY_CALLERS__WALLBOARD__KEY_SHA256": DIGEST,
            "GATEWAY_CALLERS__WALLBOARD__TENANTS": "acme",
            "GATEWAY_CALLERS__WALLBOARD__SCOPES": "agents:read",
        },
    )
    assert settings == load(tmp_path, GOOD)


def test_an_empty_variable_takes_a_token_source_away(tmp_path: Path) -> None:
    text = GOOD.replace(f'token = "{PLANTED}"', 'token_file = "none"')
    environ = {"GATEWAY_TENANTS__ACME__TOKEN_FILE": "", "GATEWAY_TENANTS__ACME__TOKEN": PLANTED}
    tenant = load(tmp_path, text, environ=environ).tenants["acme"]
    assert (tenant.token_file, tenant.token) == (None, ApiToken(PLANTED))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GATEWAY_SERVER__PROT", "a setting's name; did you mean GATEWAY_SERVER__PORT?"),
        ("GATEWAY_SERVER_PORT", "a setting's name; did you mean GATEWAY_SERVER__PORT?"),
        ("GATEWAY_SERVER__A__PORT", "a setting's name; did you mean GATEWAY_SERVER__PORT?"),
        ("GATEWAY_TENANTS__BASE_URL", "a setting's name; did you mean GATEWAY_TENANTS__<ID>__BASE_URL?"),
        ("GATEWAY_TENANTS__ACME__", "a setting's name; did you mean GATEWAY_TENANTS__<ID>__TOKEN?"),
        ("GATEWAY_", "a name GATEWAY_<SECTION>__<KEY>"),
        ("GATEWAY_XYZZY__QQQ_SERVICE_HOST", "a setting's name; did you mean GATEWAY_SERVER__HOST?"),
        ("GATEWAY_XYZZY__QQQ", "a name GATEWAY_<SECTION>__<KEY>"),
    ],
)
def test_a_variable_that_fits_no_setting_is_refused_by_name(tmp_path: Path, name: str, expected: str) -> None:
    error = refused(tmp_path, GOOD, environ={name: PLANTED})
    assert error.key == name
    assert error.expected == expected


def test_the_variables_of_a_kubernetes_service_are_passed_over(tmp_path: Path) -> None:
    links = {
        "GATEWAY_PORT": "tcp://10.0.0.1:8000",
        "GATEWAY_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "GATEWAY_PORT_8000_TCP_ADDR": "10.0.0.1",
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT": "8000",
        "GATEWAY_SERVICE_PORT_HTTP": "8000",
        "GATEWAY_SERVER_PORT": "tcp://10.0.0.1:8000",
    }
    assert load(tmp_path, GOOD, environ=links) == load(tmp_path, GOOD)


def test_a_setting_given_twice_in_other_cases_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD, environ={"GATEWAY_SERVER__PORT": "1", "GATEWAY_SERVER__port": "2"})
    assert error.key == "GATEWAY_SERVER__port"
    assert error.expected == "to be set once, not by GATEWAY_SERVER__PORT too"


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("GATEWAY_SERVER__PORT", f"80{PLANTED}", "server.port"),
        ("GATEWAY_SERVER__GRAPHIQL", PLANTED, "server.graphiql"),
        ("GATEWAY_CACHE__FRESH_SECONDS", "nan", "cache.fresh_seconds"),
        ("GATEWAY_CACHE__FRESH_SECONDS", "", "cache.fresh_seconds"),
        ("GATEWAY_CALLERS__WALLBOARD__TENANTS", f'["{PLANTED}"', "callers.wallboard.tenants"),
        ("GATEWAY_CALLERS__WALLBOARD__SCOPES", PLANTED, "callers.wallboard.scopes[0]"),
        ("GATEWAY_TENANTS__ACME__TOKEN", f"{PLANTED} x", "tenants.acme.token"),
        ("GATEWAY_TENANTS__ACME__BASE_URL", f"https://{PLANTED}@x", "tenants.acme.base_url"),
        ("GATEWAY_CACHE__VALKEY_URL", PLANTED, "cache.valkey_url"),
        ("GATEWAY_TELEMETRY__LOG_LEVELS", PLANTED, "telemetry.log_levels"),
        ("GATEWAY_TELEMETRY__LOG_LEVELS", f'{{"{PLANTED}": 1', "telemetry.log_levels"),
        ("GATEWAY_TELEMETRY__LOG_LEVELS", f"httpx={PLANTED}", "telemetry.log_levels.httpx"),
    ],
)
def test_a_variable_with_a_value_that_does_not_fit_is_named_beside_its_key(
    tmp_path: Path, name: str, value: str, key: str
) -> None:
    error = refused(tmp_path, GOOD, environ={name: value})
    assert (error.key, error.variable) == (key, name)
    assert f"{key} (set by {name}): expected" in str(error)


def test_a_misspelt_tenant_is_traced_to_its_variable(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD, environ={"GATEWAY_TENANTS__AMCE__TOKEN": PLANTED})
    assert (error.key, error.variable) == ("tenants.amce.base_url", "GATEWAY_TENANTS__AMCE__TOKEN")


def test_a_key_of_the_file_is_not_blamed_on_a_variable(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        GOOD.replace("https://", "ftp://"),
        environ={"GATEWAY_TENANTS__ACME__TIMEZONE": "America/Manaus"},
    )
    assert (error.key, error.variable) == ("tenants.acme.base_url", None)


def test_a_section_that_is_no_table_is_refused_whatever_the_environment_adds(tmp_path: Path) -> None:
    error = refused(tmp_path, f"server = 1\n{GOOD}", environ={"GATEWAY_SERVER__PORT": "1"})
    assert (error.key, error.expected) == ("server", "a table")


def test_other_programs_variables_are_none_of_ours(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, environ={"PATH": "/bin", "MY_GATEWAY_X": "1"}) == load(tmp_path, GOOD)


def test_every_setting_has_a_variable() -> None:
    names = list(setting_names())
    assert len(names) == len(set(names))
    assert {"GATEWAY_SERVER__PORT", "GATEWAY_TENANTS__<ID>__TOKEN_FILE", "GATEWAY_JWT__ISSUER"} < set(names)
