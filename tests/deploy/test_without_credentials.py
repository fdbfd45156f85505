"""Every hop of the hardened stack, without credentials and with them: else a wrong port would pass for a refusal.

Real are mosquitto, Prometheus and Alertmanager with the repository's files, Apache Kafka (where the stack has Redpanda)
with the login that the clients use, and each process of ours as the compose file starts it. InfluxDB 1.6.7 knows no
tokens: its refusal is the shim's. Grafana could not be had: of it, and of what asks nobody for anything, the compose
files are looked at.
"""

import re
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from aiokafka.errors import KafkaError

from cli.child import spawn
from cli.secret_folder import SecretFolder
from runtime.kafka import topics_of
from tests.cli.processes import bluflow, environment
from tests.conftest import find_free_port
from tests.deploy.compose import COMBINATIONS, ROOT, merged
from tests.deploy.conftest import Connection, Hardened
from tests.deploy.secured_kafka import SecuredKafka
from tests.influxdb import Influx
from tests.pages_tls import trusting
from tests.polling import until
from tests.watch.servers import Page, Prometheus, alertmanager, logs_page, prometheus

IN = "let in"


OWN = {  # each process of ours: what begins the names of its settings
    "api": "API",
    "bridge": "BRIDGE",
    "streams": "STREAMS",
    "sinks": "SINKS",
    "inventory": "INVENTORY",
    "homeassistant": "HOMEASSISTANT",
}


class Parts(NamedTuple):
    """What runs, and the folder of its secrets."""

    mosquitto: Hardened
    kafka: SecuredKafka
    influxdb: str
    token_file: Path
    own: dict[str, int]  # the port of each process of ours
    secrets: Path
    pages: dict[str, Page]
    logs: str

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()


@pytest.fixture(scope="module")
def parts(
    hardened: Hardened,
    secured: SecuredKafka,
    https: str,
    influx: Influx,
    stack_secrets: SecretFolder,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Parts]:
    folder, own = tmp_path_factory.mktemp("own"), stack_secrets.folder
    assert bluflow("topics", "--create", folder=folder, **secured.login()).returncode == 0
    (folder / "token").write_text(influx.token_file.read_text())
    here = {
        "/run/secrets": str(own),
        "/keys": str(own / "keys"),
        "/bind-keys": str(own / "bind-keys"),
        "/tokens": str(folder),
        "/config": str(ROOT / "config"),
    }
    there = {"BROKER": secured.address, "INFLUXDB_URL": https, "MQTT": hardened.address, "BLUFLOW_HOST": "127.0.0.1"}
    services = merged(COMBINATIONS["default"])["services"]
    ports = {name: find_free_port() for name in OWN}
    with ExitStack() as running:
        for name, port in ports.items():
            said = services[name]["environment"]
            said |= {variable: value for variable, value in there.items() if variable in said}
            env = {variable: _here(text, here) for variable, text in said.items()}
            (folder / name).mkdir()
            env |= {f"{OWN[name]}_PORT": str(port), "BLUFLOW_DATA": str(folder / name)}
            running.enter_context(_process(services[name]["command"][1:], env, folder / f"{name}.log"))
        for name, port in ports.items():
            until(lambda port=port: _is_live(port, own), 60, f"{name}: {folder / name}.log")  # type: ignore[misc]
        until(lambda: _healthy(ports["api"], str(own / "api.crt")) == "", 60, f"the API ready: {folder / 'api.log'}")
        manager = running.enter_context(alertmanager(folder, own))
        logs = running.enter_context(logs_page(folder / "logs", own, services["loki"]["command"]))
        targets = {
            "alertmanager": manager.address,
            "loki": logs,
            **{n: f"127.0.0.1:{port}" for n, port in ports.items()},
        }
        judge = running.enter_context(prometheus(folder, own, targets))
        pages = {"prometheus": judge, "alertmanager": manager}
        yield Parts(hardened, secured, https, influx.token_file, ports, own, pages, logs)


@contextmanager
def _process(arguments: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    """One of ours, as its container starts it."""
    with log.open("wb") as file:
        child = spawn([sys.executable, *arguments], env=environment(**env), cwd=str(ROOT), stdout=file, stderr=file)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def _is_live(port: int, secrets: Path) -> bool:
    try:
        return httpx.get(f"https://127.0.0.1:{port}/health/live", verify=trusting(secrets)).status_code == 200
    except httpx.TransportError:
        return False


def _here(text: str, places: dict[str, str]) -> str:
    """A value of the compose file, with our paths for those of the container, and each variable's default."""
    text = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", text)
    for there, here in places.items():
        text = re.sub(rf"^{there}(?=/)", here, text)
    return text


def _healthy(port: int, certificate: str) -> str:
    """As the container's health check asks, which has no key."""
    command = [sys.executable, str(ROOT / "scripts" / "healthy.py"), str(port)]
    env = environment(BLUFLOW_TLS_CERTIFICATE_FILE=certificate)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False).stderr.strip()


Known = Callable[[Parts, bool, pytest.MonkeyPatch], Awaitable[str]]


async def mqtt_login(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    return _mqtt(parts, ca=parts.mosquitto.ca, user="shellypro2-a" if known else "")


async def mqtt_tls(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    return _mqtt(parts, ca=parts.mosquitto.ca if known else None, user="shellypro2-a")


def _mqtt(parts: Parts, *, ca: Path | None, user: str) -> str:
    password = parts.mosquitto.password(user) if user else ""
    connection = Connection(parts.mosquitto.port, ca=ca, user=user, password=password)
    answer = connection.answer()
    connection.close()
    return IN if answer == "Success" else answer


async def kafka_login(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    return await _kafka(parts, patch, {} if known else {"KAFKA_USER": "", "KAFKA_PASSWORD_FILE": ""})


async def kafka_tls(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    return await _kafka(parts, patch, {} if known else {"KAFKA_CA_FILE": ""})


async def _kafka(parts: Parts, patch: pytest.MonkeyPatch, missing: dict[str, str]) -> str:
    for name, value in (parts.kafka.login() | missing).items():
        patch.setenv(name, value)
    try:
        return IN if await topics_of(parts.kafka.address) else "no topics"
    except KafkaError as error:
        return type(error).__name__


async def influxdb_token(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    headers = _token(parts) if known else {}
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=parts.mosquitto.ca)) as client:
        answer = await client.get(f"{parts.influxdb}/query", params={"q": "SHOW DATABASES"}, headers=headers)
    return IN if answer.status_code == 200 else str(answer.status_code)


async def influxdb_tls(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
    url = parts.influxdb if known else parts.influxdb.replace("https:", "http:")
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=parts.mosquitto.ca)) as client:
        try:
            return IN if (await client.get(f"{url}/ping", headers=_token(parts))).is_success else "no answer"
        except httpx.TransportError as error:
            return type(error).__name__


def _token(parts: Parts) -> dict[str, str]:
    return {"Authorization": f"Token {parts.token_file.read_text().strip()}"}


def own(process: str, path: str, key: str = "api-key-prometheus") -> Known:
    """A path of a process of ours, and the file whose key it wants."""

    async def asked(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
        headers = {"Authorization": f"Bearer {parts.secret(key)}"} if known else {}
        url = f"https://127.0.0.1:{parts.own[process]}"
        async with (
            httpx.AsyncClient(base_url=url, verify=trusting(parts.secrets)) as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            return IN if answer.status_code == 200 else str(answer.status_code)

    return asked


def own_plain(process: str) -> Known:
    """What everyone may see of it, over TLS, or in plain text."""

    async def asked(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
        return await page_tls(f"https://127.0.0.1:{parts.own[process]}/health/live", parts, known)

    return asked


def page_login(server: str) -> Known:
    """What a server of others serves, to whom logs in."""

    async def asked(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
        there = parts.pages[server]
        answer = there.ask("/-/ready") if known else there.ask("/-/ready", auth=None)
        return IN if answer.status_code == 200 else str(answer.status_code)

    return asked


def page_plain(server: str) -> Known:
    """The same over TLS, or in plain text."""

    async def asked(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
        there = parts.pages[server]
        return await page_tls(f"{there.url}/-/ready", parts, known, there.login)

    return asked


async def page_tls(url: str, parts: Parts, known: bool, login: tuple[str, str] | None = None) -> str:
    """A page over TLS, or in plain text."""
    async with httpx.AsyncClient(verify=trusting(parts.secrets), auth=login) as client:
        try:
            answer = await client.get(url if known else url.replace("https:", "http:"))
        except httpx.TransportError as error:
            return type(error).__name__
    return IN if answer.status_code == 200 else str(answer.status_code)


def logs(shown: str) -> Known:
    """What is served as Loki is, to whom shows its clients' certificate, and to whom shows another one or none."""

    async def asked(parts: Parts, known: bool, patch: pytest.MonkeyPatch) -> str:
        tls, certificate = trusting(parts.secrets), "logs-client" if known else shown
        if certificate:
            tls.load_cert_chain(parts.secrets / f"{certificate}.crt", parts.secrets / f"{certificate}.key")
        async with httpx.AsyncClient(verify=tls) as client:
            try:
                return IN if (await client.get(f"https://{parts.logs}/-/ready")).status_code == 200 else "no answer"
            except (httpx.TransportError, ssl.SSLError) as error:  # it comes when the answer is read
                return type(error).__name__

    return asked


HOPS: dict[str, tuple[Known, str]] = {
    "mosquitto, login": (mqtt_login, "Not authorized"),
    "mosquitto, plain text": (mqtt_tls, "disconnected"),
    "Kafka, login": (kafka_login, "KafkaConnectionError"),
    "Kafka, plain text": (kafka_tls, "KafkaConnectionError"),
    "InfluxDB, token": (influxdb_token, "401"),
    "InfluxDB, plain text": (influxdb_tls, "RemoteProtocolError|ReadError"),
    "API, data": (own("api", "/api/v1/sensors", "api-key-page"), "401"),
    "API, events": (own("api", "/api/v1/stream", "api-key-page"), "401"),
    **{f"{process}, metrics": (own(process, "/metrics"), "401") for process in OWN},
    **{f"{process}, plain text": (own_plain(process), "RemoteProtocolError|ReadError") for process in OWN},
    "Prometheus, login": (page_login("prometheus"), "401"),
    "Prometheus, plain text": (page_plain("prometheus"), "400"),
    "Alertmanager, login": (page_login("alertmanager"), "401"),
    "Loki, no certificate": (logs(""), "ReadError|SSLError"),
    "Loki, a server's certificate": (logs("bridge"), "ReadError|SSLError"),
    "Alertmanager, plain text": (page_plain("alertmanager"), "400"),
}


@pytest.mark.parametrize("hop", HOPS)
async def test_no_hop_lets_in_who_has_no_credentials(parts: Parts, hop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt, refusal = HOPS[hop]
    assert await attempt(parts, True, monkeypatch) == IN
    assert re.fullmatch(refusal, await attempt(parts, False, monkeypatch))


async def test_prometheus_key_opens_no_data(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await own("api", "/api/v1/sensors")(parts, True, monkeypatch) == "403"


def test_prometheus_has_the_credentials_of_every_process_of_ours_and_of_loki(parts: Parts) -> None:
    judge = parts.pages["prometheus"]
    assert isinstance(judge, Prometheus)
    wanted = {*OWN, "loki", "prometheus", "alertmanager"}
    until(lambda: {one["metric"]["job"] for one in judge.query("up == 1")} == wanted, 30, "all targets up")


@pytest.mark.parametrize("combination", ["default", "ha"])
def test_what_has_no_port_outside_is_reached_from_inside_alone(combination: str) -> None:
    stack = merged(COMBINATIONS[combination])
    for name, service in stack["services"].items():
        outside = {network for network in service.get("networks", []) if not stack["networks"][network].get("internal")}
        assert not outside or service.get("ports"), name


@pytest.mark.parametrize("combination", ["default", "ha"])
def test_grafana_is_told_to_let_in_only_who_logs_in(combination: str) -> None:
    told: dict[str, Any] = merged(COMBINATIONS[combination])["services"]["grafana"]["environment"]
    assert told["GF_SECURITY_ADMIN_PASSWORD__FILE"].startswith("/run/secrets/")
    assert told["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not [name for name in told if name.startswith(("GF_AUTH_ANONYMOUS", "GF_AUTH_PROXY"))]
