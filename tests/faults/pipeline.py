"""The pipeline under fault: mosquitto, bridge, workers, sinks and API as child processes on a real Kafka.

Names of processes: "mosquitto", "bridge", "worker-0" to "worker-2", "sinks", "api". A process of ours that ends by
itself is started again, as every supervisor does, but only while the test waits with `until`: one that was killed or
stopped on purpose stays away until `start`. Session timeouts are the shortest that are allowed, 6 s.
"""

import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.child import spawn
from cli.embedded import wait_until_accepts
from history.sqlite import SqliteHistory
from history.store import HistoryReader
from tests.conftest import find_free_port
from tests.faults.broker import ROOT, Cluster

MODULES = {"bridge": ["bridge"], "worker": ["streams", "worker"], "sinks": ["streams.sinks"], "api": ["api"]}
PORTS = {"bridge": "BRIDGE_PORT", "worker": "STREAMS_PORT", "sinks": "SINKS_PORT", "api": "API_PORT"}
_MOSQUITTO = """
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_inflight_messages 0
max_queued_messages 0
"""
_LOOK_EVERY = 0.2


class Pipeline:
    """`folder` holds everything it writes: `data` (the stores), `logs/<name>`, mosquitto's sessions.

    `env`: further settings of all processes. `workers`: how many `start_all` starts. `proxied`: our processes reach
    Kafka through the cluster's proxy. `open_history`: a reader of the store, if that is not SQLite's file.
    """

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        prefix: str,
        *,
        workers: int = 1,
        proxied: bool = False,
        env: Mapping[str, str] | None = None,
        open_history: Callable[[], HistoryReader] | None = None,
    ) -> None:
        self.folder, self.cluster, self.prefix, self.workers = folder, cluster, prefix, workers
        self.data = folder / "data"
        self.mqtt_port = find_free_port()
        self.ports = {name: find_free_port() for name in ("bridge", "worker-0", "worker-1", "worker-2", "sinks", "api")}
        self.open_history = open_history or (lambda: SqliteHistory(self.history_file))
        self.restarts: dict[str, int] = {}  # name -> how often it ended by itself
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        # one for all looks, since to make one takes longer than to ask; no connection outlives its question
        self._http = httpx.Client(timeout=2, limits=httpx.Limits(max_keepalive_connections=0))
        for part in (self.data, folder / "logs", folder / "mosquitto"):
            part.mkdir(parents=True, exist_ok=True)
        self._env = {
            **os.environ,
            "BROKER": cluster.proxied if proxied else cluster.direct,
            "MQTT": self.mqtt,
            "BLUFLOW_TOPIC_PREFIX": prefix,
            "BLUFLOW_DATA": str(self.data),
            "BLUFLOW_LOG_FORMAT": "text",
            "STREAMS_SESSION_SECONDS": "6",
            "SINKS_SESSION_SECONDS": "6",
            "BRIDGE_TICK_SECONDS": "2",
            "PYTHONPATH": str(ROOT),
            **(env or {}),
        }

    @property
    def mqtt(self) -> str:
        """host:port of the MQTT broker."""
        return f"127.0.0.1:{self.mqtt_port}"

    @property
    def kafka(self) -> str:
        """Bootstrap addresses for the test's own readers: never through the proxy."""
        return self.cluster.direct

    @property
    def history_file(self) -> Path:
        """The SQLite history."""
        return self.data / "history.sqlite"

    @property
    def names(self) -> list[str]:
        """Our processes as `start_all` starts them, and mosquitto before them."""
        return ["mosquitto", "sinks", *(f"worker-{number}" for number in range(self.workers)), "bridge", "api"]

    def start_all(self, seconds: float = 60) -> None:
        """Make the topics, start everything; return when everything is ready."""
        self.cluster.make_topics(self.prefix)
        for name in self.names:
            self.start(name)
        self.wait_ready(seconds)

    def make_whole(self) -> None:
        """Undo what a test left behind: every node up, the network through, every process ready."""
        self.cluster.proxy.through()
        for node in self.cluster.nodes.values():
            if node.child is None:
                self.cluster.revive(node.number)
        for name in set(self._children) - set(self.names):
            self.kill(name)
        for name in self._children:
            self.wake(name)
        for name in self.names:
            if name not in self._children:
                self.start(name)
        self.wait_ready(60)

    def stop_all(self) -> None:
        """At once; nothing outlives it."""
        for child in self._children.values():
            child.kill()
        for child in self._children.values():
            child.wait()
        self._children.clear()

    def start(self, name: str) -> None:
        """Start one process; returns at once, mosquitto's when it listens."""
        assert name not in self._children, f"{name} runs already"
        with (self.folder / "logs" / name).open("ab") as log:
            self._children[name] = spawn(self._command(name), env=self._own_env(name), stdout=log, stderr=log)
        if name == "mosquitto":
            wait_until_accepts(self.mqtt)

    def kill(self, *names: str) -> None:
        """SIGKILL, all of them before waiting for any."""
        self._end(names, signal.SIGKILL)

    def term(self, *names: str) -> None:
        """SIGTERM; returns when they have ended."""
        self._end(names, signal.SIGTERM)

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        self._children[name].send_signal(signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """SIGCONT; a process that finds that it must end then ends by itself."""
        self._children[name].send_signal(signal.SIGCONT)

    def running(self, name: str) -> bool:
        """Whether the process is there."""
        return name in self._children and self._children[name].poll() is None

    def pid(self, name: str) -> int:
        """Of a process that runs."""
        return self._children[name].pid

    def ready(self, name: str) -> bool:
        """What its health page says; False while there is none. mosquitto is ready once it runs."""
        if name == "mosquitto":
            return self.running(name)
        try:
            return self._http.get(f"http://127.0.0.1:{self.ports[name]}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self, seconds: float) -> None:
        """Until every process that was started says that it is ready."""
        self.until(lambda: all(self.ready(name) for name in self._children), seconds, "every process is ready")

    def metric(self, name: str, metric: str) -> float:
        """The sum of a metric over its labels; 0 while the process is away."""
        try:
            text = self._http.get(f"http://127.0.0.1:{self.ports[name]}/metrics").text
        except httpx.TransportError:
            return 0.0
        families = text_string_to_metric_families(text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == metric)

    def get(self, path: str) -> httpx.Response | None:
        """The API's answer; None while it is away."""
        try:
            return self._http.get(f"http://127.0.0.1:{self.ports['api']}{path}", timeout=10)
        except httpx.TransportError:
            return None

    def until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Return once the condition holds; meanwhile what ended by itself is started again."""
        deadline = time.monotonic() + seconds
        while True:
            self.tend()
            if condition():
                return
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}; logs: {self.folder}/logs"
            time.sleep(_LOOK_EVERY)

    def tend(self) -> None:
        """Start again what ended by itself."""
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                self.restarts[name] = self.restarts.get(name, 0) + 1
                del self._children[name]
                self.start(name)

    def log(self, name: str) -> str:
        """What the process has said."""
        return (self.folder / "logs" / name).read_text(errors="replace")

    def _end(self, names: tuple[str, ...], number: signal.Signals) -> None:
        for name in names:
            self._children[name].send_signal(number)
        for name in names:
            self._children.pop(name).wait(60)

    def _command(self, name: str) -> list[str]:
        if name == "mosquitto":
            config = self.folder / "mosquitto.conf"
            config.write_text(
                _MOSQUITTO.format(user=getpass.getuser(), port=self.mqtt_port, folder=self.folder / "mosquitto")
            )
            return ["/usr/sbin/mosquitto", "-c", str(config)]
        return [sys.executable, "-P", "-m", *MODULES[name.partition("-")[0]]]

    def _own_env(self, name: str) -> dict[str, str]:
        if name == "mosquitto":
            return self._env
        return {**self._env, PORTS[name.partition("-")[0]]: str(self.ports[name])}
