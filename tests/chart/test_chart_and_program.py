"""The chart and the program agree: the real gateway runs on what helm renders, and every path answers."""

import json
import tomllib
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.settings import Settings, load_settings
from gateway.settings.environment import sections
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.chart.rendering import FINE, Object, container, objects, read_yaml, run
from tests.processes import KEY, GatewayProcess, free_port, gateway_process

TOKEN = "planted-token"
KEY_SHA256 = sha256(KEY.encode()).hexdigest()


def placed(name: str, folder: Path, *sets: str) -> tuple[dict[str, Object], Path]:
    """The objects, and the ConfigMap and Secret as files like the ones that a pod has."""
    found = objects(name, f"--set=tokens.mountPath={folder}", *(f"--set={one}" for one in sets))
    config = folder / "gateway.toml"
    config.write_text(found["ConfigMap"]["data"]["gateway.toml"], encoding="utf-8")
    for tenant in tomllib.loads(config.read_text(encoding="utf-8"))["tenants"]:
        (folder / tenant).write_text(TOKEN + "\n", encoding="utf-8")
    return found, config


def variables_of(deployment: Object) -> dict[str, str]:
    """The container's variables; one from a Secret gets a word of the right kind."""
    values = {"GATEWAY_CACHE__VALKEY_URL": "valkey://127.0.0.1:1/0", "ACME_TOKEN": TOKEN}
    return {
        one["name"]: one.get("value") or values[one["name"]] for one in container(deployment).get("env", ())
    }


@pytest.mark.parametrize("name", FINE)
def test_the_program_takes_every_rendered_configuration(tmp_path: Path, name: str) -> None:
    found, config = placed(name, tmp_path, "tls.existingSecret=")

    settings = load_settings(config, environ=variables_of(found["Deployment"]))

    assert settings.server.port == container(found["Deployment"])["ports"][0]["containerPort"]
    assert set(settings.tenants) >= {"acme"}
    assert (settings.cache.valkey_url is not None) == (name in {"full", "shared"})


def test_what_was_written_into_the_values_arrives_unchanged_in_the_program(tmp_path: Path) -> None:
    found, config = placed("full", tmp_path, "tls.existingSecret=")

    settings = load_settings(config, environ=variables_of(found["Deployment"]))

    assert settings.telemetry.service_name == 'gateway "one" & <two>'
    assert settings.limits.upstream_max_body_bytes == 20_000_000
    assert settings.telemetry.log_levels == {"gateway.http": "info", 'odd "name"': "off"}
    assert (settings.subscriptions.poll_seconds, settings.subscriptions.max_open) == (2.5, 4000)
    assert settings.documents.automatic is False
    assert settings.limits.upstream_requests_per_second == 12.5
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")
    assert settings.server.graphiql is False
    assert settings.jwt is not None
    assert settings.jwt.jwks_url == "https://id.example.com:9443/jwks"
    assert settings.tenants["beta-sul"].allow_insecure is True
    assert settings.callers["wall.board"].tenants == ("*",)


SAMPLES = {"otlp_endpoint": "https://collector.example", "tls_certificate_file": "a", "tls_key_file": "b"}
"""Values of settings that have none by default."""


@pytest.mark.parametrize("section", sorted(set(sections()) - {"tenants", "callers", "jwt"}))
def test_every_setting_that_stands_in_the_values_arrives_in_the_configuration(
    tmp_path: Path, section: str
) -> None:
    defaults = json.loads(msgspec.json.encode(getattr(Settings(), section)))
    given = {
        name: SAMPLES[name] if value is None else value
        for name, value in defaults.items()
        if name != "valkey_url"
    }
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"config": {section: given}}), encoding="utf-8")

    rendered = tomllib.loads(objects("minimal", "-f", file)["ConfigMap"]["data"]["gateway.toml"])

    assert rendered[section] == given
    assert len(given) > 2


def test_manifests_are_mounted_where_the_values_say() -> None:
    deployment = objects("full", "--set=documents.mountPath=/srv/documents")["Deployment"]
    volumes = deployment["spec"]["template"]["spec"]["volumes"]

    assert {"name": "documents", "configMap": {"name": "call-centre-documents"}} in volumes
    mount = {"name": "documents", "mountPath": "/srv/documents", "readOnly": True}
    assert mount in container(deployment)["volumeMounts"]
    assert "documents" not in {
        one["name"] for one in container(objects("minimal")["Deployment"])["volumeMounts"]
    }


def test_the_authority_of_valkeys_certificate_is_mounted_where_its_url_says() -> None:
    deployment = objects("full")["Deployment"]
    [url] = [one["value"] for one in container(deployment)["env"] if one["name"].endswith("VALKEY_URL")]
    [mount] = [one for one in container(deployment)["volumeMounts"] if one["name"] == "valkey-ca"]
    volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}

    assert url.endswith(f"?ssl_ca_certs={mount['mountPath']}/ca.crt")
    assert mount["readOnly"] is True
    assert volumes["valkey-ca"]["secret"]["secretName"] == "valkey-ca"
    assert volumes["valkey-ca"]["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


def test_certificates_are_named_where_the_chart_mounts_them() -> None:
    found = objects("full")
    server = tomllib.loads(found["ConfigMap"]["data"]["gateway.toml"])["server"]
    mounts = {one["name"]: one["mountPath"] for one in container(found["Deployment"])["volumeMounts"]}

    assert server["tls_certificate_file"] == f"{mounts['tls']}/tls.crt"
    assert server["tls_key_file"] == f"{mounts['tls']}/tls.key"
    probes = [container(found["Deployment"])[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    assert {probe["httpGet"]["scheme"] for probe in probes} == {"HTTPS"}


async def test_every_port_path_and_probe_of_the_chart_answers(tmp_path: Path) -> None:
    async with running(World.seeded(5, token=TOKEN)) as simulator:
        port = free_port()
        found, config = placed(
            "ingress",
            tmp_path,
            f"config.tenants.acme.base_url={simulator.base_url}",
            f"config.callers.wall.key_sha256={KEY_SHA256}",
            "config.callers.wall.tenants={acme}",
            "config.callers.wall.scopes={agents:read}",
            "config.server.host=127.0.0.1",
            f"config.server.port={port}",
            "config.server.drain_seconds=0",
            "serviceMonitor.enabled=true",
        )
        deployment = found["Deployment"]
        [listening] = container(deployment)["ports"]
        assert listening == {"name": "http", "containerPort": port, "protocol": "TCP"}
        assert [one["targetPort"] for one in found["Service"]["spec"]["ports"]] == ["http"]
        assert container(deployment)["args"] == ["serve", "--config", "/etc/gateway/gateway.toml"]
        async with (
            gateway_process(config, port=port, environ=variables_of(deployment)) as gateway,
            httpx.AsyncClient(base_url=gateway.base_url, trust_env=False) as client,
        ):
            await strangers_are_refused_and_callers_served(client)
            await every_path_answers(client, found=found)
            helm_test_passes(found["Pod"], gateway=gateway)
            assert await gateway.stop() == 0


async def every_path_answers(client: httpx.AsyncClient, *, found: dict[str, Object]) -> None:
    """Probes and the scrape give 200; what the ingress opens is known to the program."""
    probes = [container(found["Deployment"])[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    for path in {probe["httpGet"]["path"] for probe in probes}:
        assert (await client.get(path)).status_code == httpx.codes.OK, path
    [endpoint] = found["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["port"] == "http"
    assert b"gateway_request_duration_seconds" in (await client.get(endpoint["path"])).content
    page = await client.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == httpx.codes.OK
    assert "/graphql-assets/" in page.text


async def strangers_are_refused_and_callers_served(client: httpx.AsyncClient) -> None:
    asked = {"query": "{ agents { totalCount } }"}
    assert (await client.post("/graphql", json=asked)).status_code == httpx.codes.UNAUTHORIZED
    served = await client.post("/graphql", json=asked, headers={"Authorization": f"Bearer {KEY}"})
    assert served.json()["data"] == {"agents": {"totalCount": 5}}


def helm_test_passes(pod: Object, *, gateway: GatewayProcess) -> None:
    """The program of `helm test`, run as the pod would, against this gateway and against nobody."""
    [ask] = pod["spec"]["containers"]
    [variable] = ask["env"]
    assert variable == {"name": "SERVICE", "value": "http://gw:80"}
    [source] = ask["args"]

    told = run("env", f"SERVICE={gateway.base_url}", "delivery-python", "-c", source)
    untold = run("env", f"SERVICE=http://127.0.0.1:{free_port()}", "delivery-python", "-c", source)

    assert (told.returncode, told.stdout) == (0, 'ready: {"status":"ready"}\na stranger gets 401\n'), (
        told.stderr
    )
    assert untold.returncode != 0


def test_the_chart_and_the_package_have_one_version() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [chart] = read_yaml((root / "helm" / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == project["version"]
    assert f"ARG VERSION={project['version']}" in (root / "Dockerfile").read_text(encoding="utf-8")
