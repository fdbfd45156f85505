"""The whole of `bluflow run` on free ports, as its user starts it; ends with the test."""

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from cli.child import spawn
from cli.kafka_folder import choose
from runtime.settings import Settings
from runtime.tls import asking_tls
from tests.conftest import find_free_port
from tests.polling import until

# what a child's command line shows, by its name on the screen
CHILDREN = {
    "kafka": "noida-db",
    "mqtt": "iotcore",
    "bridge": "bridge",
    "worker": "streams",
    "sinks": "streams.sinks",
    "api": "api",
    "inventory": "shelly.inventory",
    "homeassistant": "api.homeassistant",
}


class Stack:
    """A running stack: its addresses, its API, its children."""

    def __init__(
        self,
        data: Path,
        supervisor: "subprocess.Popen[bytes]",
        ports: dict[str, int],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.data, self.supervisor, self.ports = data, supervisor, ports
        self.mqtt = f"127.0.0.1:{ports['RUN_MQTT_PORT']}"
        self.kafka = f"127.0.0.1:{ports['RUN_KAFKA_PORT']}"
        self.tls = tls
        self.api = httpx.Client(base_url=self.page("API"), timeout=5, verify=tls or True)

    def page(self, process: str) -> str:
        """Where the page of a process is, by the prefix of its settings."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.ports[f'{process}_PORT']}"

    def sign_in(self, key: str) -> None:
        """Ask with that key from now on."""
        self.api.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> httpx.Response | None:
        """The API's answer; None while it is away."""
        try:
            return self.api.get(path)
        except httpx.TransportError:
            return None

    def child(self, name: str) -> psutil.Process:
        """The child's process as it is now."""
        for process in psutil.Process(self.supervisor.pid).children():
            words = process.cmdline()
            if CHILDREN[name] in words or any(word.endswith("/" + CHILDREN[name]) for word in words):
                return process
        raise LookupError(name)

    def screen(self) -> str:
        """What the supervisor has printed so far."""
        return (self.data / "screen").read_text()


@contextmanager
def running_stack(data: Path, *arguments: str, **env: str) -> Iterator[Stack]:
    """Start it, wait until the API is ready, stop it with Ctrl-C at the end."""
    names = (
        "RUN_KAFKA_PORT",
        "RUN_MQTT_PORT",
        "BRIDGE_PORT",
        "STREAMS_PORT",
        "SINKS_PORT",
        "API_PORT",
        "INVENTORY_PORT",
        "HOMEASSISTANT_PORT",
    )
    ports = {name: find_free_port() for name in names}
    environment = {**os.environ, **{name: str(port) for name, port in ports.items()}, "BLUFLOW_DATA": str(data), **env}
    data.mkdir(exist_ok=True)
    with (data / "screen").open("ab") as screen:
        supervisor = spawn(
            [sys.executable, "-m", "cli", "run", *arguments], env=environment, stdout=screen, stderr=screen
        )
    stack = Stack(data, supervisor, ports, _asking(env))
    try:
        until(lambda: "bluflow runs" in stack.screen(), 60, f"start: {stack.screen()}")
        yield stack
    finally:
        stack.api.close()
        supervisor.send_signal(2)
        try:
            supervisor.wait(60)
        finally:
            supervisor.kill()
            supervisor.wait()
            shutil.rmtree(choose(data).folder, ignore_errors=True)  # what a killed one leaves in memory


def _asking(env: dict[str, str]) -> ssl.SSLContext | None:
    """How to ask the pages that have these settings."""
    pair = (env.get(f"BLUFLOW_TLS_{half}_FILE") for half in ("CERTIFICATE", "KEY"))
    certificate, key = (Path(file) if file else None for file in pair)
    return asking_tls(Settings(tls_certificate_file=certificate, tls_key_file=key))
