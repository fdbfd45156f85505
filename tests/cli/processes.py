"""Stand-in children for the supervisor, and what the tests need to watch processes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]

_SCRIPT = """
import os, signal, socket, sys, time
name, journal, port, on_term, exit_code = sys.argv[1:6]
def note(what):
    with open(journal, "a") as file:
        file.write(f"{name} {what} {os.getpid()}\\n")
def stop(*_):
    note("stopped")
    if on_term != "ignore":
        os._exit(0)
signal.signal(signal.SIGTERM, stop)
note("started")
if exit_code != "-":
    print("a line before")
    print(f"bluflow: setting {name}: wrong", flush=True)
    sys.exit(int(exit_code))
if port != "0":
    listener = socket.create_server(("127.0.0.1", int(port)))
    listener.listen(50)
while True:
    time.sleep(60)
"""
_PROGRESS = re.compile(r"read [\d,]+ records \(\d+ %\)")


def stand_in(name: str, journal: Path, *, port: int = 0, on_term: str = "stop", exit_code: str = "-") -> list[str]:
    """A process that listens on `port` and writes `name started|stopped pid` into `journal`."""
    return [sys.executable, "-c", _SCRIPT, name, str(journal), str(port), on_term, exit_code]


def journal_of(journal: Path) -> list[str]:
    """`name what` of every line so far."""
    return [line.rpartition(" ")[0] for line in journal.read_text().splitlines()] if journal.exists() else []


def pids(journal: Path, name: str) -> list[int]:
    """The process ids under which `name` was started, oldest first."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [int(line.split()[2]) for line in lines if line.startswith(f"{name} started")]


def lives(pid: int) -> bool:
    """Whether that process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def environment(**extra: str) -> dict[str, str]:
    """Our environment without settings that would leak into a test, and `extra`."""
    prefixes = (
        "BLUFLOW_",
        "RUN_",
        "BRIDGE_",
        "STREAMS_",
        "SINKS_",
        "API_",
        "INVENTORY_",
        "INFLUXDB_",
        "KAFKA_",
        "HISTORY",
        "BROKER",
        "MQTT",
        "SIMULATE",
    )
    return {**{key: value for key, value in os.environ.items() if not key.startswith(prefixes)}, **extra}


def bluflow(*arguments: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in `folder`, so that no bluflow.yaml of ours is found."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *arguments],
        env=environment(PYTHONPATH=str(ROOT), **env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=150,  # of what hangs, on a machine that has other work
        check=False,
    )


def complaints(done: "subprocess.CompletedProcess[str]") -> str:
    """What it said on stderr, but for how far it had come: a slow machine is told that, a fast one is not."""
    return "".join(line for line in done.stderr.splitlines(keepends=True) if not _PROGRESS.match(line))
