"""Apache Kafka that, as the stack's Redpanda does, lets in only who logs in with SCRAM-SHA-256 over TLS."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.secret_folder import SecretFolder
from tests.faults.broker import JARS, ROOT, Node
from tests.polling import until

_CLUSTER = "Ymx1Zmxvdy1mYXVsdHMtMg"


class SecuredKafka:
    """Where it is reached, and by whom."""

    def __init__(self, address: str, secrets: Path) -> None:
        self.address, self.secrets = address, secrets

    def login(self) -> dict[str, str]:
        """The settings of a process that may in."""
        return {
            "BROKER": self.address,
            "KAFKA_USER": "bluflow",
            "KAFKA_PASSWORD_FILE": str(self.secrets / "kafka-bluflow"),
            "KAFKA_CA_FILE": str(self.secrets / "ca.crt"),
        }


@contextmanager
def secured_kafka(folder: Path, secrets: SecretFolder) -> Iterator[SecuredKafka]:
    """A node of its own, with the folder's certificate of redpanda and its client's password."""
    _fetch()
    own = secrets.folder
    store = folder / "server.pem"
    store.touch(mode=0o600)
    store.write_text((own / "redpanda.key").read_text() + (own / "redpanda.crt").read_text())
    node = Node(1, folder)
    settings = {
        "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT",
        "advertised.listeners": f"DIRECT://{node.address},PROXIED://localhost:{node.proxied}",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.proxied.scram-sha-256.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
    }
    node.write(f"1@127.0.0.1:{node.controller}", settings)
    (folder / "logs" / "meta.properties").unlink()
    password = (own / "kafka-bluflow").read_text().strip()
    tool = ["java", "-cp", f"{JARS}/*", "kafka.tools.StorageTool", "format", "-t", _CLUSTER]
    user = ["--add-scram", f"SCRAM-SHA-256=[name=bluflow,password={password}]"]
    made = subprocess.run(
        [*tool, "-c", str(folder / "server.properties"), *user], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    node.start()
    try:
        until(lambda: _accepts(node), 60, "Kafka")
        yield SecuredKafka(f"localhost:{node.proxied}", own)
    finally:
        if node.child is not None:
            node.child.kill()
            node.wait()


def _accepts(node: Node) -> bool:
    assert node.child is not None
    assert node.child.poll() is None, "Kafka has ended"
    try:
        socket.create_connection(("127.0.0.1", node.proxied), timeout=1).close()
    except OSError:
        return False
    return True


def _fetch() -> None:
    """The jars, if Maven can bring them; they are kept in .build."""
    if not (JARS / ".complete").exists() and not (shutil.which("java") and shutil.which("mvn")):
        missing = "no Java or no Maven on this machine; Debian: bash scripts/debian.sh"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    subprocess.run(["bash", str(ROOT / "scripts" / "kafka.sh")], check=True)
