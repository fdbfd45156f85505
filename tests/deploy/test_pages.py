"""Pages of the stack that are others': served over TLS, and asked over TLS by the name in their certificate."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.secret_folder import ASKING, SERVERS, SecretFolder
from tests.deploy.compose import COMBINATIONS, ROOT, merged

# Where a service is told of its certificate, if not in the compose file.
TOLD = {
    "redpanda": "redpanda/redpanda.yaml",
    "alloy": "loki/tls.alloy",
    "influxdb": None,
    "grafana": None,
    "loki": None,
}
LOGS = ("loki", "alloy")  # they want to see the certificate of their clients
SHOWN = {"cert_file": "crt", "key_file": "key"}
POC = merged(COMBINATIONS["poc"])["services"]


def services(combination: str) -> Any:
    return merged(COMBINATIONS[combination])["services"]


@pytest.mark.parametrize("name", TOLD)
def test_it_shows_the_certificate_that_was_made_for_it(name: str) -> None:
    service, file = services("default")[name], TOLD[name]
    told = (
        (ROOT / file).read_text()
        if file
        else str([*service["environment"].values()] if "environment" in service else service["command"])
    )
    for half in ("crt", "key"):
        assert f"/run/secrets/{name}.{half}" in told
        assert f"{name}.{half}" in service["secrets"]


@pytest.mark.parametrize("name", ASKING)
def test_it_is_told_its_certificate_and_its_login_by_what_secrets_init_makes(tmp_path: Path, name: str) -> None:
    service = services("default")[name]
    assert f"--web.config.file=/run/secrets/{name}-web.yml" in service["command"]
    secrets = SecretFolder(tmp_path)
    secrets.complete([], [])
    told = yaml.safe_load((tmp_path / f"{name}-web.yml").read_text())
    assert told["tls_server_config"] == {
        "cert_file": f"/run/secrets/{name}.crt",
        "key_file": f"/run/secrets/{name}.key",
    }
    assert {f"{name}.crt", f"{name}.key", f"{name}-web.yml", f"{name}-password"} <= set(service["secrets"])


def test_prometheus_asks_everything_over_tls_by_a_name_in_its_certificate() -> None:
    for job in yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]:
        name = job["job_name"]
        assert job["scheme"] == "https", name
        shown = {half: f"/run/secrets/logs-client.{end}" for half, end in SHOWN.items()} if name in LOGS else {}
        assert job["tls_config"] == {"ca_file": "/run/secrets/ca.crt", "server_name": name, **shown}
        assert name in SERVERS[name]
        hosts = {target.split(":")[0] for each in job.get("static_configs", []) for target in each["targets"]}
        hosts |= {host for each in job.get("dns_sd_configs", []) for host in each["names"]}
        assert hosts <= {*SERVERS[name], "localhost"}


def test_whoever_asks_loki_or_its_agent_shows_the_certificate_that_they_want_to_see() -> None:
    """The key is where somebody asks, and nowhere else."""
    stack = services("default")
    assert {name for name, each in stack.items() if "logs-client.key" in each.get("secrets", [])} == {
        "alloy",
        "grafana",
        "prometheus",
    }
    wanted = "/run/secrets/logs-client.crt"
    assert {
        "-server.http-tls-client-auth=RequireAndVerifyClientCert",
        f"-server.http-tls-ca-path={wanted}",
    } < {*stack["loki"]["command"]}
    agent = re.sub(r" += +", " = ", (ROOT / "loki" / "tls.alloy").read_text())
    assert 'client_auth_type = "RequireAndVerifyClientCert"' in agent
    assert f'client_ca_file = "{wanted}"' in agent
    assert agent.count(f' cert_file = "{wanted}"') == agent.count(f' key_file = "{wanted[:-3]}key"') == 1
    assert f"-cert {wanted} -key {wanted[:-3]}key" in stack["alloy"]["healthcheck"]["test"][1]


def test_grafana_shows_its_metrics_to_prometheus_alone() -> None:
    told = services("default")["grafana"]["environment"]
    jobs = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    [login] = [job["basic_auth"] for job in jobs if job["job_name"] == "grafana"]
    assert login == {
        "username": told["GF_METRICS_BASIC_AUTH_USERNAME"],
        "password_file": told["GF_METRICS_BASIC_AUTH_PASSWORD__FILE"],
    }
    assert not [name for name in POC["grafana"]["environment"] if name.startswith("GF_METRICS")]


@pytest.mark.parametrize("combination", ["default", "ha"])
def test_no_health_check_asks_in_plain_text(combination: str) -> None:
    for name, service in services(combination).items():
        assert "http://" not in str(service["healthcheck"]), name


def test_the_proof_of_concept_asks_nothing_over_tls() -> None:
    for name, service in POC.items():
        told = str([service.get("environment"), service["healthcheck"], service.get("command")])
        assert not re.search(r"https|/run/secrets|tls\.alloy", told), name
