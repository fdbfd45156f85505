"""bluflow's own processes as children on brokers that are there, and what every process of a run costs."""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import psutil

from benchmarks.child import Failed, ending, last_line, started
from tests.conftest import find_free_port

# the port's setting and the module's words, in the order of their start
OURS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sinks": ("SINKS_PORT", ("streams.sinks",)),
    "worker": ("STREAMS_PORT", ("streams", "worker")),
    "api": ("API_PORT", ("api",)),
    "bridge": ("BRIDGE_PORT", ("bridge",)),
}
_LOOK_EVERY = 0.05


class Child(NamedTuple):
    """One of ours: its process, and host:port of its HTTP page."""

    process: "Popen[bytes]"
    page: str
    log: Path

    def ready(self) -> bool:
        """What its health page says; False while there is none. Raises Failed if it has ended."""
        if self.process.poll() is not None:
            raise Failed(f"{self.log.stem} ended with {self.process.returncode}: {last_line(self.log)}")
        try:
            with urllib.request.urlopen(f"http://{self.page}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self, seconds: float) -> None:
        """Raises Failed if it does not become ready in time."""
        deadline = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > deadline:
                raise Failed(f"{self.log.stem} not ready within {seconds:.0f} s")
            time.sleep(_LOOK_EVERY)


@contextmanager
def child(name: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Child]:
    """One of ours while the context lasts, not pinned; it writes into `folder`."""
    port = find_free_port()
    variable, words = OURS[name]
    common = {"BLUFLOW_DATA": str(folder), "BLUFLOW_LOG_FORMAT": "text", variable: str(port)}
    log = folder / f"{name}.log"
    with ending(started([sys.executable, "-m", *words], None, log, {**common, **settings})) as process:
        yield Child(process, f"127.0.0.1:{port}", log)


@contextmanager
def pipeline(folder: Path, settings: Mapping[str, str], seconds: float) -> Iterator[dict[str, Child]]:
    """All of ours, ready. Raises Failed if that takes longer than `seconds`."""
    with ExitStack() as stack:
        children = {name: stack.enter_context(child(name, folder, settings)) for name in OURS}
        for each in children.values():
            each.wait_ready(seconds)
        yield children


class Cost(NamedTuple):
    """Of a process so far: CPU in seconds, resident memory in bytes."""

    cpu: float
    memory: int


def cost(process: psutil.Process) -> Cost:
    """As it is now."""
    times = process.cpu_times()
    return Cost(times.user + times.system, process.memory_info().rss)


def costs() -> dict[str, Cost]:
    """Of every child that this process has now, by a word for it: brokers, ours, and who makes the load."""
    found = {}
    for process in psutil.Process().children():
        try:
            word = _word(process.cmdline())
            if word != "proxy":  # the fault suite's, before Kafka: nobody goes through it here
                found[word] = cost(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def _word(command: list[str]) -> str:
    if "kafka.Kafka" in command:
        return "Kafka"
    if "-m" in command:
        module = command[command.index("-m") + 1]
        return {"streams": "worker"}.get(module, module.rpartition(".")[2])
    return Path(command[0]).name if command else "gone"
