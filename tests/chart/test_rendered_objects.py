"""What the chart renders: valid, restricted, and refusing what it does not understand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import (
    CHART,
    DASHBOARD,
    FINE,
    VALUES,
    Refused,
    container,
    objects,
    read_yaml,
    run,
    template,
)

KUBERNETES = ("1.32", "1.33", "1.34", "1.35")
CUSTOM = {"ServiceMonitor", "PrometheusRule", "ExternalSecret", "HTTPRoute"}


def rendered(folder: Path, names: tuple[str, ...] = FINE) -> list[Path]:
    files = [folder / f"{name}.yaml" for name in names]
    for file in files:
        file.write_text(template(file.stem), encoding="utf-8")
    return files


@pytest.mark.parametrize("name", FINE)
def test_helm_finds_nothing_to_say_against_the_chart(name: str) -> None:
    told = run("helm", "lint", "--strict", CHART, "-f", VALUES / f"{name}.yaml")

    assert told.returncode == 0, told.stdout
    assert "[WARNING]" not in told.stdout
    assert "[ERROR]" not in told.stdout


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_valid_for_kubernetes(tmp_path: Path, version: str) -> None:
    files = rendered(tmp_path)

    told = run("kubernetes-validate", "--strict", "-k", version, *files)

    assert told.returncode == 0, told.stdout + told.stderr
    words = (told.stdout + told.stderr).splitlines()
    passed = [line for line in words if line.startswith("INFO") and f"against version {version}" in line]
    unknown = [line for line in words if line.startswith("WARN")]
    kinds = [one["kind"] for file in files for one in read_yaml(file.read_text(encoding="utf-8"))]
    assert len(passed) == sum(kind not in CUSTOM for kind in kinds)
    assert len(unknown) == sum(kind in CUSTOM for kind in kinds)
    assert len(words) == len(kinds)


def test_the_validator_would_see_a_key_that_kubernetes_does_not_know(tmp_path: Path) -> None:
    [file] = rendered(tmp_path, ("minimal",))
    file.write_text(file.read_text(encoding="utf-8").replace("minReadySeconds", "minReadySecond"))

    told = run("kubernetes-validate", "--strict", "-k", "1.35", file)

    assert told.returncode != 0


def test_checkov_fails_nothing_that_is_not_justified_in_place(tmp_path: Path) -> None:
    files = [argument for file in rendered(tmp_path) for argument in ("-f", file)]

    told = run("checkov", *files, "--framework", "kubernetes", "--compact", "--quiet", "--skip-download")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Failed checks: 0" in told.stdout


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("replica=2",), "additional properties 'replica' not allowed"),
    (("replicas=0",), "at '/replicas': minimum: got 0, want 1"),
    (("config.server.prot=1",), "at '/config/server': additional properties 'prot' not allowed"),
    (("config.server.port=eight",), "at '/config/server/port': got string, want integer"),
    (("config.tenants.acme.token=planted-token",), "additional properties 'token' not allowed"),
    (("config.cache.valkey_url=valkey://v",), "additional properties 'valkey_url' not allowed"),
    (("config.jwt.issuer=https://id.example.com",), "missing properties 'audience', 'jwks_url'"),
    (("config.tenants=null",), "config.tenants: at least one tenant is needed"),
    (("tokens.existingSecret=",), "must hold the token of: acme"),
    (("tokens.create.acme=x",), "exactly one of existingSecret, create, externalSecrets"),
    (
        ("tokens.existingSecret=", "tokens.create.beta=x"),
        "tokens.create.acme: the token of tenant acme is missing",
    ),
    (
        (
            "tokens.existingSecret=",
            "tokens.externalSecrets.enabled=true",
            "tokens.externalSecrets.storeName=s",
        ),
        "tokens.externalSecrets.data.acme: the store's entry",
    ),
    (("valkey.url=valkey://:word@v:6379/0",), "a URL with a password belongs into a Secret"),
    (("valkey.url=valkey://v", "valkey.existingSecret=s"), "valkey: url or existingSecret, not both"),
    (("ingress.enabled=true",), "ingress.hosts: at least one host name is needed"),
    (("gatewayRoute.enabled=true",), "gatewayRoute.parentRefs: at least one Gateway is needed"),
    (("autoscaling.enabled=true", "autoscaling.minReplicas=20"), "at most autoscaling.maxReplicas"),
    (("service.type=Loadbalancer",), "at '/service/type': value must be one of 'ClusterIP'"),
    (("image.digest=latest",), "at '/image/digest': 'latest' does not match pattern"),
]


@pytest.mark.parametrize(("sets", "words"), WRONG)
def test_wrong_values_are_refused_in_words_that_name_the_key(sets: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refused, match="Error: ") as refusal:
        template("minimal", *(f"--set={one}" for one in sets))

    assert words in str(refusal.value)
    assert "planted-token" not in str(refusal.value)


def test_a_file_of_wrong_values_is_told_all_its_faults_at_once() -> None:
    with pytest.raises(Refused) as refusal:
        template("wrong")

    told = str(refusal.value)
    for fault in ("'replica'", "'drain_second'", "'token'", "'/config/server/port': got string"):
        assert fault in told


@pytest.mark.parametrize("name", FINE)
def test_pods_meet_the_restricted_level_and_hold_no_account_token(name: str) -> None:
    rendered_objects = objects(name)
    for pod in (rendered_objects["Deployment"]["spec"]["template"]["spec"], rendered_objects["Pod"]["spec"]):
        [only] = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 10_000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


def test_a_rollout_never_has_fewer_pods_and_its_grace_outlasts_every_wait() -> None:
    spec = objects("full")["Deployment"]["spec"]
    pod = spec["template"]["spec"]

    assert "replicas" not in spec  # the autoscaler's to say
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert container({"spec": spec})["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    # 5 s before SIGTERM, 2.5 s of drain, 12.5 s for what runs, 10 s to close.
    assert pod["terminationGracePeriodSeconds"] == 5 + 3 + 13 + 10


def checksum(*sets: str) -> str:
    deployment: Any = objects("minimal", *(f"--set={one}" for one in sets))["Deployment"]
    told: str = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/start-config"]
    return told


def test_only_what_is_read_at_a_start_rolls_the_pods() -> None:
    before = checksum()

    assert checksum("config.cache.fresh_seconds=9") != before
    assert checksum("tls.existingSecret=other") != before
    assert checksum("config.tenants.beta.base_url=https://b.example") == before
    assert checksum("config.callers.wallboard.scopes={agents:write}") == before


def test_tokens_come_from_one_secret_and_never_from_the_configmap() -> None:
    for name, secret in (
        ("minimal", "evolux-tokens"),
        ("shared", "gw-tokens"),
        ("external-secrets", "gw-tokens"),
    ):
        found = objects(name)
        volumes = found["Deployment"]["spec"]["template"]["spec"]["volumes"]
        [tokens] = [volume["secret"] for volume in volumes if volume["name"] == "tokens"]
        assert tokens == {"secretName": secret, "defaultMode": 0o440}
        assert "planted-token" not in found["ConfigMap"]["data"]["gateway.toml"]
    assert objects("shared")["Secret"]["stringData"] == {"acme": "planted-token-a", "beta": "planted-token-b"}
    assert "Secret" not in objects("minimal")
    volumes = objects("ingress")["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert [volume["name"] for volume in volumes] == ["config", "tmp"]


def test_the_network_policy_opens_the_ports_that_the_configuration_names_and_no_others() -> None:
    [dns, evolux, inside] = objects("shared")["NetworkPolicy"]["spec"]["egress"]

    assert [port["port"] for port in dns["ports"]] == [53, 53]
    assert [port["port"] for port in evolux["ports"]] == [443, 8443]
    assert [port["port"] for port in inside["ports"]] == [4318, 6379]
    assert len(objects("minimal")["NetworkPolicy"]["spec"]["egress"]) == 2
    [opening] = objects("ingress")["NetworkPolicy"]["spec"]["ingress"]
    names = [one["namespaceSelector"]["matchLabels"] for one in opening["from"][1:]]
    assert names == [{"kubernetes.io/metadata.name": name} for name in ("ingress-nginx", "edge")]


def test_the_dashboard_is_a_map_that_grafanas_sidecar_finds_and_reads_whole() -> None:
    made = objects("full")[DASHBOARD]
    source = (CHART / "dashboards" / "evolux-gateway.json").read_text(encoding="utf-8")

    assert (made["kind"], made["metadata"]["name"]) == ("ConfigMap", "call-centre-dashboard")
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["annotations"] == {"grafana_folder": "Call centre"}
    assert made["data"].keys() == {"evolux-gateway.json"}
    assert json.loads(made["data"]["evolux-gateway.json"]) == json.loads(source)
    assert "{{tenant}}" in made["data"]["evolux-gateway.json"]
    assert DASHBOARD not in objects("minimal")
    other = objects("minimal", "--set=dashboard.enabled=true", "--set=dashboard.labels.team=calls")[DASHBOARD]
    assert other["metadata"]["labels"].items() >= {("grafana_dashboard", "1"), ("team", "calls")}
    assert "annotations" not in other["metadata"]


def test_objects_of_other_projects_say_what_those_projects_read() -> None:
    """No schema of theirs is at hand here, so they are held word for word."""
    full, ingress = objects("full"), objects("ingress")
    external = objects("external-secrets")["ExternalSecret"]

    assert full["ServiceMonitor"]["spec"]["endpoints"] == [
        {
            "port": "http",
            "path": "/metrics",
            "interval": "30s",
            "scheme": "https",
            "tlsConfig": {"serverName": "call-centre.calls.svc"},
        }
    ]
    assert full["PrometheusRule"]["spec"] == read_yaml((CHART / "alerts.yaml").read_text(encoding="utf-8"))[0]
    assert external["apiVersion"] == "external-secrets.io/v1"
    assert external["spec"] == {
        "refreshInterval": "5m",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
        "target": {"name": "gw-tokens"},
        "data": [{"secretKey": "acme", "remoteRef": {"key": "evolux/acme", "property": "token"}}],
    }
    route = ingress["HTTPRoute"]
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "edge"}]
    [rule] = route["spec"]["rules"]
    assert [one["path"]["value"] for one in rule["matches"]] == [
        "/graphql",
        "/graphql-assets",
        "/board",
        "/v1",
    ]
    assert rule["backendRefs"] == [{"name": "gw", "port": 80}]
