"""The compose files: hardened as they say, whole, and full of settings that our processes take."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from api.homeassistant.settings import HomeAssistantSettings
from api.settings import ApiSettings
from bridge.settings import BridgeSettings
from cli.secret_folder import BIND_KEYS, KEYS, SecretFolder
from runtime.page_keys import KeySettings
from runtime.settings import Settings, load
from shelly.inventory.settings import InventorySettings
from streams.settings import StreamsSettings
from streams.sinks.settings import SinkSettings
from tests.cli.processes import environment
from tests.deploy.compose import COMBINATIONS, ROOT, merged, volumes

JOBS = {"volumes", "topics", "buckets", "buckets-b", "secrets", "keys", "bind-keys", "replay", "replay-b"}
ROOTS = {"volumes": ["CHOWN"], "alloy": ["DAC_READ_SEARCH"]}  # who runs as root, with what
PROCESSES: dict[str, type[Settings]] = {
    "bridge": BridgeSettings,
    "streams": StreamsSettings,
    "sinks": SinkSettings,
    "api": ApiSettings,
    "inventory": InventorySettings,
    "homeassistant": HomeAssistantSettings,
}


@pytest.fixture(scope="module", params=COMBINATIONS)
def stack(request: pytest.FixtureRequest) -> Any:
    """Each combination in turn, as Docker Compose sees it."""
    return merged(COMBINATIONS[request.param]) | {"combination": request.param}


def kind_of(name: str) -> type[Settings] | None:
    return PROCESSES.get(name.removesuffix("-b"))


def processes(stack: Any) -> list[tuple[str, Any, type[Settings]]]:
    return [(name, service, kind) for name, service in stack["services"].items() if (kind := kind_of(name))]


def test_every_image_is_pinned_to_a_version(stack: Any) -> None:
    for name, service in stack["services"].items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_every_container_is_hardened(stack: Any) -> None:
    for name, service in stack["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("cap_add") == ROOTS.get(name), name
        assert (service["user"] == "0:0") == (name in ROOTS), name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file", "labels"}, name
        assert service["restart"] == ("no" if name in JOBS else "unless-stopped"), name
        assert "privileged" not in service, name
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", [])), name


def test_every_service_has_a_health_check_but_jobs_which_end(stack: Any) -> None:
    for name, service in stack["services"].items():
        check = service["healthcheck"]
        assert bool(check.get("disable")) == (name in JOBS), name
        if not check.get("disable"):
            assert check["test"][0] in {"CMD", "CMD-SHELL"}, name


def test_whoever_waits_waits_for_what_can_come(stack: Any) -> None:
    for name, service in stack["services"].items():
        for other, how in service.get("depends_on", {}).items():
            there = stack["services"][other]
            if how["condition"] == "service_completed_successfully":
                assert other in JOBS, name
            else:
                assert how["condition"] == "service_healthy", name
                assert not there["healthcheck"].get("disable"), name


def test_whatever_has_a_volume_waits_until_it_is_its_own(stack: Any) -> None:
    owned = {volume.source for volume in volumes(stack["services"]["volumes"])}
    for name, service in stack["services"].items():
        named = {volume.source for volume in volumes(service) if volume.is_named}
        assert not named or name in {*ROOTS} or named <= owned, name
        assert not named or name == "volumes" or "volumes" in waited_for(stack, name) or name in ROOTS, name


def waited_for(stack: Any, name: str) -> set[str]:
    """What has come about before a service starts, at any distance."""
    direct = set(stack["services"][name].get("depends_on", {}))
    return direct.union(*(waited_for(stack, other) for other in direct))


def test_every_reference_has_its_object_and_every_object_a_reference(stack: Any) -> None:
    used: dict[str, set[str]] = {"secrets": set(), "networks": set(), "volumes": set()}
    for service in stack["services"].values():
        used["secrets"] |= set(service.get("secrets", []))
        used["networks"] |= set(service.get("networks", []))
        used["volumes"] |= {volume.source for volume in volumes(service) if volume.is_named}
    if stack["combination"] == "poc":
        assert used.pop("secrets") == set()
    for kind, names in used.items():
        assert names == set(stack[kind]), kind


def test_files_that_are_mounted_are_in_the_repository(stack: Any) -> None:
    for name, service in stack["services"].items():
        for source, _, read_only in volumes(service):
            if source.startswith("./") and not source.startswith("./secrets"):
                assert (ROOT / source).is_dir(), f"{name}: {source}"
                assert read_only, name


def test_only_commands_may_write_among_the_secrets(stack: Any) -> None:
    """Each process sees the folder of keys' digests, the worker that of bind keys: each sees a new file there."""
    seen = {
        (name, source, read_only)
        for name, service in stack["services"].items()
        for source, _, read_only in volumes(service)
        if source.startswith("./secrets")
    }
    wanted = {("secrets", "./secrets", False), ("keys", "./secrets/keys", False)}
    wanted.add(("bind-keys", "./secrets/bind-keys", False))
    if stack["combination"] != "poc":
        wanted |= {(name, "./secrets/keys", True) for name, _, _ in processes(stack)}
        workers = {"streams", "replay", "replay-b"} & stack["services"].keys()
        wanted |= {(name, "./secrets/bind-keys", True) for name in workers}
    assert seen == wanted


def test_the_worker_reads_bind_keys_where_the_command_writes_them(stack: Any) -> None:
    command, worker = (stack["services"][name] for name in ("bind-keys", "streams"))
    folder, _, file = command["environment"]["STREAMS_KEYS_FILE"].rpartition("/")
    assert f"bind-keys/{file}" == BIND_KEYS
    assert folder in {volume.target for volume in volumes(command)}
    if stack["combination"] != "poc":
        assert worker["environment"]["STREAMS_KEYS_FILE"] == command["environment"]["STREAMS_KEYS_FILE"]
        assert folder in {volume.target for volume in volumes(worker)}


def test_days_are_rebuilt_with_the_worker_s_bind_keys_in_the_sinks_store(stack: Any) -> None:
    services = stack["services"]
    pairs = {"replay": "sinks", "replay-b": "sinks-b"}
    for job, sink in pairs.items():
        if job not in services:
            assert stack["combination"] != "ha"
            continue
        told, theirs = services[job]["environment"], services[sink]["environment"]
        for name in ("BROKER", "HISTORY", "INFLUXDB_URL", "INFLUXDB_TOKEN_FILE", "SSL_CERT_FILE"):
            assert told[name] == theirs[name], name
        assert told["STREAMS_KEYS_FILE"] == services["streams"]["environment"]["STREAMS_KEYS_FILE"]
        stores = [{volume for volume in volumes(services[name]) if volume.is_named} for name in (job, sink)]
        assert stores[0] == stores[1]


def test_every_process_asks_for_keys_and_prometheus_has_one_but_in_the_proof_of_concept(stack: Any) -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load(prometheus_file(stack))["scrape_configs"]}
    own = [(name, service, jobs[name.removesuffix("-b")]) for name, service, _ in processes(stack)]
    if stack["combination"] == "poc":
        assert all(service["environment"]["API_KEYS"] == "none" for _, service, _ in own)
        assert not any("authorization" in job for _, _, job in own)
        return
    for name, service, job in own:
        assert service["environment"]["API_KEYS"] == "required", name
        folder, _, file = service["environment"]["API_KEYS_FILE"].rpartition("/")
        assert f"keys/{file}" == KEYS
        assert folder in {volume.target for volume in volumes(service)}, name
        assert job["authorization"] == {"credentials_file": "/run/secrets/api-key-prometheus"}, name


def prometheus_file(stack: Any) -> str:
    """What Prometheus is told to read."""
    name: str
    [name] = re.findall(r"--config.file=/etc/prometheus/(\S+?)'", str(stack["services"]["prometheus"]["command"]))
    return (ROOT / "prometheus" / name).read_text()


def test_prometheus_has_the_secrets_that_its_configuration_names_and_none_in_the_proof_of_concept(stack: Any) -> None:
    named = set(re.findall(r"/run/secrets/([\w.-]+)", prometheus_file(stack)))
    assert named <= set(stack["services"]["prometheus"].get("secrets", []))
    assert bool(named) == (stack["combination"] != "poc")


def test_the_proof_of_concept_is_watched_as_the_hardened_stack_is() -> None:
    """The same jobs and rules: only TLS, logins and what compose.ha.yml alone has are not there."""
    hardened, poc = (yaml.safe_load(prometheus_file(merged(COMBINATIONS[name]))) for name in ("default", "poc"))
    for manager in hardened["alerting"]["alertmanagers"]:
        plain(manager)
    for job in hardened["scrape_configs"]:
        plain(job)
        if "static_configs" in job:
            job.pop("dns_sd_configs", None)
    assert poc == hardened


def plain(asked: dict[str, Any]) -> None:
    """Without what TLS and a login need."""
    for name in ("scheme", "tls_config", "authorization", "basic_auth"):
        asked.pop(name, None)


def test_our_pages_are_served_over_tls_and_prometheus_wants_their_very_name(stack: Any, secrets: Path) -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load(prometheus_file(stack))["scrape_configs"]}
    for name, service, _ in processes(stack):
        files = [service["environment"][f"BLUFLOW_TLS_{half}_FILE"] for half in ("CERTIFICATE", "KEY")]
        own = name.removesuffix("-b")
        if stack["combination"] == "poc":
            assert files == ["", ""], name
            assert "scheme" not in jobs[own], name
            continue
        assert files == [f"/run/secrets/{own}.crt", f"/run/secrets/{own}.key"], name
        assert jobs[own]["scheme"] == "https", name
        names = names_in((secrets / f"{own}.crt").read_text())
        assert {name, jobs[own]["tls_config"]["server_name"], "localhost", "127.0.0.1"} <= names, name


def names_in(certificate: str) -> set[str]:
    """The names and addresses that a certificate is for."""
    names = x509.load_pem_x509_certificate(certificate.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return {str(each.value) for each in names.value}


def test_only_mqtt_is_open_to_the_network(stack: Any) -> None:
    mqtt = {"8883"} if stack["combination"] != "poc" else {"1883"}
    for name, service in stack["services"].items():
        for port in service.get("ports", []):
            host, _, inside = port.rsplit(":", 2)
            if inside in mqtt and name in {"mosquitto", "mqtt-proxy"}:
                assert host == "${MQTT_BIND:-0.0.0.0}", name
            else:
                assert host in {"127.0.0.1", "${POC_BIND:-127.0.0.1}"}, name


def test_gateways_network_has_the_mqtt_broker_alone(stack: Any) -> None:
    there = {name for name, service in stack["services"].items() if "iot" in service.get("networks", [])}
    assert there == {"mqtt-proxy" if stack["combination"] == "ha" else "mosquitto"}
    for name, network in stack["networks"].items():
        assert network == ({} if name in {"iot", "pages"} else {"internal": True})


def test_the_proof_of_concept_has_the_ports_that_were_first_asked_for_and_no_secret() -> None:
    poc = merged(COMBINATIONS["poc"])["services"]
    ports = {port.rpartition(":")[2] for service in poc.values() for port in service.get("ports", [])}
    assert {"1883", "8086", "3000", "8000", "9090"} <= ports
    assert "8883" not in ports
    for name, service in poc.items():
        assert not service.get("secrets"), name
        values = [str(value) for value in service.get("environment", {}).values()]
        assert "/run/secrets" not in str([*values, service["healthcheck"], service.get("command")]), name


def test_two_of_everything_where_one_could_fail() -> None:
    ha = merged(COMBINATIONS["ha"])["services"]
    nodes = [name for name in ha if name.startswith("redpanda")]
    assert [ha[name]["environment"]["NAME"] for name in nodes] == nodes
    assert len(nodes) == 3
    assert all(ha[name]["environment"]["SEEDS"] == ",".join(f"{node}:33145" for node in nodes) for name in nodes)
    assert ha["topics"]["environment"]["REPLICATION"] == "3"
    for name, service in ha.items():
        if kind_of(name):
            assert service["environment"]["BROKER"] == ",".join(f"{node}:9092" for node in nodes), name
    for name in ("mosquitto", "bridge", "influxdb", "buckets", "sinks", "api"):
        first, second = ha[name], ha[f"{name}-b"]
        own = [{volume.source for volume in volumes(each) if volume.is_named} for each in (first, second)]
        assert not own[0] & own[1], name
    assert {ha[f"bridge{end}"]["environment"]["MQTT"] for end in ("", "-b")} == {"mosquitto:8883", "mosquitto-b:8883"}
    assert ha["bridge-b"]["environment"]["BRIDGE_CLIENT_ID"] != BridgeSettings.model_fields["client_id"].default
    assert ha["sinks-b"]["environment"]["SINKS_GROUP"]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = SecretFolder(tmp_path_factory.mktemp("run-secrets"))
    folder.complete([], [])
    return folder.folder


def test_each_process_takes_its_settings(stack: Any, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the secrets where they would be mounted; a name that no process knows would be refused."""
    monkeypatch.chdir(secrets)
    for name, service, kind in processes(stack):
        with monkeypatch.context() as patch:
            for gone in set(os.environ) - set(environment()):
                patch.delenv(gone)
            for variable, value in service["environment"].items():
                plain = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)).replace("/run/secrets", str(secrets))
                patch.setenv(variable, plain)
            settings = load(kind)
            assert settings.host == "0.0.0.0"  # else its page answers in its own container only
            assert settings.broker == service["environment"]["BROKER"], name
            known = {field.validation_alias for each in (kind, KeySettings) for field in each.model_fields.values()}
            own = str(kind.model_config["env_prefix"])
            for variable in service["environment"]:
                assert variable in known or variable.startswith(own) or variable == "SSL_CERT_FILE", variable
            assert service["healthcheck"]["test"][-1] == str(settings.model_dump()["port"]), name
            longest = getattr(settings, "stop_seconds", 5)
            assert int(service["stop_grace_period"].removesuffix("s")) > longest, name


def test_a_secret_that_a_process_names_is_mounted_for_it(stack: Any) -> None:
    for name, service in stack["services"].items():
        told = str([*service.get("environment", {}).values(), service["healthcheck"], service.get("command", "")])
        named = set(re.findall(r"/run/secrets/([\w.-]+)", told))
        assert named <= set(service.get("secrets", [])), name


def test_files_that_name_secrets_get_them() -> None:
    services = merged(COMBINATIONS["default"])["services"]
    files = {
        "mosquitto": "mosquitto/mosquitto.conf",
        "redpanda": "redpanda/redpanda.yaml",
        "prometheus": "prometheus/asking.yml",
        "alertmanager": "alertmanager/asking.yml",
        "grafana": "grafana/provisioning/datasources/bluflow.yml",
        "alloy": "loki/tls.alloy",
    }
    for name, file in files.items():
        named = set(re.findall(r"/run/secrets/([\w.-]+)", (ROOT / file).read_text()))
        assert named <= set(services[name]["secrets"]), name


def test_mosquitto_s_memory_is_thrice_the_queue() -> None:
    limit = merged(COMBINATIONS["default"])["services"]["mosquitto"]["mem_limit"]
    queue = re.search(r"^max_queued_bytes (\d+)", (ROOT / "mosquitto/mosquitto.conf").read_text(), re.MULTILINE)
    assert queue
    assert int(limit.removesuffix("m")) * 1024**2 >= 3 * int(queue[1])
