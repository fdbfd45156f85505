"""What is looked at before anything starts. Each check raises Unusable: what is wrong, where, how to mend it."""

import errno
import fcntl
import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

from cli.embedded import kafka_binary
from cli.ready import accepts
from cli.unusable import Unusable
from runtime.settings import host_port


def make_folder(data: Path) -> Path:
    """The data folder, absolute, there and writable."""
    data = data.absolute()
    probe = data / ".writable"
    try:
        (data / "logs").mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Unusable(
            f"the data folder {data} cannot be written ({error.strerror}): make it writable or name another with "
            "BLUFLOW_DATA=..."
        ) from None
    return data


def lock(data: Path) -> IO[str]:
    """Hold the data folder for ourselves as long as the file given back is open; the kernel lets go if we die."""
    file = (data / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip() or "?"
        file.close()
        raise Unusable(
            f"another `bluflow run` (process {pid}) uses {data}: stop it, or name another folder with BLUFLOW_DATA=..."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def port_is_free(name: str, host: str, port: int, setting: str, address: str = "BLUFLOW_HOST") -> None:
    """Nobody listens on host:port and we may. `setting` gives the port, `address` the host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: a port just left is free
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise Unusable(
                    f"{host}, the address wanted by {name}, is not one of this machine: correct {address}"
                ) from None
            cause = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise Unusable(
                f"port {port} on {host}, wanted by {name}, {cause}: stop what uses it or choose another "
                f"with {setting}=..."
            ) from None


def ports_differ(ports: dict[str, int]) -> None:
    """No two processes were given one port. `ports`: setting -> port."""
    seen: dict[int, str] = {}
    for setting, port in ports.items():
        if port in seen:
            raise Unusable(f"{seen[port]} and {setting} are both {port}: give each its own port")
        seen[port] = setting


def kafka_broker_runs() -> None:
    """noida-db is installed and its program runs on this machine."""
    if importlib.util.find_spec("noida_db") is None:
        raise Unusable(
            "the package noida-db (embedded Kafka broker) is missing: run make run again, or set BROKER=host:port"
        )
    _runs("noida-db", [str(kafka_binary()), "version"], "BROKER=host:port")


def mqtt_broker_runs() -> None:
    """iotcore is installed and can be loaded on this machine."""
    if importlib.util.find_spec("iotcore") is None:
        raise Unusable(
            "the package iotcore (embedded MQTT broker) is missing: run make run again, or set MQTT=host:port"
        )
    _runs("iotcore", [sys.executable, "-c", "import iotcore.iotcore"], "MQTT=host:port")


def _runs(name: str, command: list[str], instead: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, text=True, errors="replace")
        problem = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise Unusable(f"{name} does not run on this machine ({problem}): set {instead} to use a broker of your own")


async def reachable(name: str, addresses: str, setting: str) -> None:
    """At least one of host:port[,host:port] accepts connections."""
    for address in addresses.split(","):
        host_port(address.strip())
        if await accepts(address.strip()):
            return
    raise Unusable(f"no {name} answers on {addresses}: start it, or correct {setting}=host:port")
