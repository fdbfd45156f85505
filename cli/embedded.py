"""The embedded brokers from PyPI: how each is started, and when it is ready."""

import os
import socket
import sys
import time
from pathlib import Path

from runtime.settings import host_port


def kafka_binary() -> Path:
    """noida-db's program. Raises ImportError if the package is not there."""
    import noida_db  # here, so that a missing package is found by the check that names it

    return Path(noida_db.__file__).parent / "noida-db"


def kafka_command(port: int, folder: Path) -> list[str]:
    """noida-db, the Kafka-protocol broker, on 127.0.0.1. It rewrites one file in `folder` about once a second."""
    return [str(kafka_binary()), "start", "--data-dir", str(folder), "--only", "kafka", "--kafka-port", str(port)]


def mqtt_command(config: Path) -> list[str]:
    """iotcore, the MQTT broker (rumqttd). `config` is the file that `mqtt_config` wrote."""
    return [sys.executable, "-m", "iotcore", "--config", str(config), "--log-level", "CRITICAL"]


def mqtt_config(host: str, port: int, *, user: str | None = None, password: str | None = None) -> str:
    """rumqttd's configuration, TOML: one listener for MQTT 3.1.1. With a user, nobody else is let in.

    Tried with iotcore 0.4.0: it holds. A wrong password, an unknown user, an empty password and a client without any
    are cut off before the CONNACK. The file then holds the password: write it with `write_private`.
    """
    login = f'\n[v4.1.connections.auth]\n{user} = "{password}"\n' if user else ""
    return f"""id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "mqtt"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
{login}"""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def accepts(address: str) -> bool:
    """Whether something accepts TCP connections on `host:port`."""
    try:
        with socket.create_connection(host_port(address), timeout=0.5):
            return True
    except OSError:
        return False


def wait_until_accepts(address: str, *, seconds: float = 15.0) -> None:
    """Return once `host:port` accepts connections; TimeoutError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not accepts(address):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing accepts connections on {address} after {seconds:.0f} s")
        time.sleep(0.05)
