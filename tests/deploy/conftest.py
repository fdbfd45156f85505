"""Parts of the stack with the repository's own files: only paths, ports and user are this machine's."""

import os
import queue
import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from cli.child import spawn
from cli.embedded import wait_until_accepts
from cli.secret_folder import SecretFolder
from runtime.paho_thread import wait_for_end
from tests.bridge.conftest import MOSQUITTO, Broker
from tests.conftest import find_free_port
from tests.deploy.secured_kafka import SecuredKafka, secured_kafka
from tests.influxdb import Influx, influx
from tests.polling import until

__all__ = ["influx"]

ROOT = Path(__file__).parents[2]
GATEWAYS = ("shellypro2-a", "shellypro2-b")


class Hardened:
    """A running mosquitto of the hardened stack, and its folder of secrets."""

    def __init__(self, folder: Path, secrets: SecretFolder) -> None:
        self.secrets = secrets
        self.ca = self.secrets.folder / "ca.crt"
        port = find_free_port()
        (folder / "data").mkdir()
        text = (ROOT / "mosquitto" / "mosquitto.conf").read_text()
        for there, here in {
            "listener 8883": f"listener {port} 127.0.0.1",
            "/run/secrets/": f"{self.secrets.folder}/",
            "/mosquitto/config/acl": str(ROOT / "mosquitto" / "acl"),
            "/mosquitto/data/": f"{folder / 'data'}/",
        }.items():
            assert there in text
            text = text.replace(there, here)
        (folder / "mosquitto.conf").write_text(text + "user root\n")
        assert MOSQUITTO
        self.broker = Broker([MOSQUITTO, "-c", str(folder / "mosquitto.conf")], port, folder / "log")
        self.port = port
        self.log = folder / "log"

    @property
    def address(self) -> str:
        """By the name that stands in its certificate."""
        return f"localhost:{self.port}"

    def password_file(self, user: str) -> Path:
        """Where a user's password stands."""
        own = self.secrets.folder / f"mqtt-{user}"
        return own if own.exists() else self.secrets.folder / "gateways" / user

    def password(self, user: str) -> str:
        return self.password_file(user).read_text().strip()


def needed(program: str, package: str) -> str:
    """The path of a Debian program. Where we decide what is installed, nothing is left out for lack of it."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = f"no {program} on this machine; Debian: apt install {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def stack_secrets(tmp_path_factory: pytest.TempPathFactory) -> SecretFolder:
    """What `bluflow secrets init` makes, for two gateways."""
    secrets = SecretFolder(tmp_path_factory.mktemp("stack") / "secrets")
    secrets.complete([], GATEWAYS)
    return secrets


@pytest.fixture(scope="session")
def hardened(tmp_path_factory: pytest.TempPathFactory, stack_secrets: SecretFolder) -> Iterator[Hardened]:
    needed("mosquitto", "mosquitto")
    mosquitto = Hardened(tmp_path_factory.mktemp("hardened"), stack_secrets)
    yield mosquitto
    mosquitto.broker.kill()


@pytest.fixture(scope="package")
def secured(stack_secrets: SecretFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Kafka with the stack's certificate and its client's password."""
    with secured_kafka(tmp_path_factory.mktemp("secured-kafka"), stack_secrets) as running:
        yield running


@pytest.fixture(scope="package")
def https(stack_secrets: SecretFolder, influx: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """InfluxDB's address over TLS: haproxy shows the stack's certificate before the server that 1.6 is."""
    port, folder, own = find_free_port(), tmp_path_factory.mktemp("https"), stack_secrets.folder
    pem = folder / "influxdb.pem"
    pem.write_text((own / "influxdb.crt").read_text() + (own / "influxdb.key").read_text())
    (folder / "tls.cfg").write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
        f"listen influxdb\n bind 127.0.0.1:{port} ssl crt {pem}\n server plain 127.0.0.1:{influx.port}\n"
    )
    with (folder / "tls.log").open("wb") as log:
        child = spawn([needed("haproxy", "haproxy"), "-db", "-f", str(folder / "tls.cfg")], stdout=log, stderr=log)
    try:
        wait_until_accepts(f"127.0.0.1:{port}")
        yield f"https://localhost:{port}"
    finally:
        child.kill()
        child.wait()


class Connection:
    """An MQTT client: over TLS if it has an authority, logged in if it has a user."""

    def __init__(self, port: int, *, ca: Path | None, user: str = "", password: str = "") -> None:
        self.heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.answers: list[str] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda *args: self.answers.append(str(args[3]))
        self._client.on_disconnect = lambda *args: self.answers.append("disconnected")
        self._client.on_message = self._message
        if user:
            self._client.username_pw_set(user, password)
        if ca:
            self._client.tls_set(str(ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._client.connect("localhost", port)
        self._client.loop_start()

    def _message(self, client: Client, data: object, message: MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))

    def answer(self) -> str:
        """What came of CONNECT: `Success`, why not, or that the connection was cut."""
        until(lambda: self.answers, 15, "an answer to CONNECT")
        return self.answers[0]

    def subscribe(self, *filters: str) -> None:
        done: list[int] = []
        self._client.on_subscribe = lambda *args: done.append(args[2])
        for each in filters:
            self._client.subscribe(each, qos=1)
        until(lambda: len(done) == len(filters), 15, "acknowledged subscriptions")

    def publish(self, topic: str, payload: bytes) -> None:
        """With QoS 1, until it is acknowledged, which mosquitto does for what it drops too."""
        message = self._client.publish(topic, payload, qos=1)
        until(message.is_published, 15, f"an acknowledgement on {topic}")

    def heard_until(self, payload: bytes) -> list[tuple[str, bytes]]:
        """Every (topic, payload) that came, up to that payload."""
        found = [self.heard.get(timeout=15)]
        while found[-1][1] != payload:
            found.append(self.heard.get(timeout=15))
        return found

    def close(self) -> None:
        self._client.disconnect()
        wait_for_end(self._client)


@pytest.fixture
def connect(hardened: Hardened) -> Iterator[Callable[..., Connection]]:
    """Connects as a user with its right password over TLS; other options say otherwise."""
    opened: list[Connection] = []

    def connection(user: str = "", **options: object) -> Connection:
        wanted: dict[str, object] = {"ca": hardened.ca, "user": user}
        if user:
            wanted["password"] = hardened.password(user)
        opened.append(Connection(hardened.port, **(wanted | options)))  # type: ignore[arg-type]
        return opened[-1]

    yield connection
    for each in opened:
        each.close()
