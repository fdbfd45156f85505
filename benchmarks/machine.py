"""The machine and the versions that figures belong to."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.child import PEERS

OURS = ("aiokafka", "faust-streaming", "msgspec", "noida-db", "paho-mqtt", "influxdb-client", "cryptography")
THEIRS = ("quixstreams", "bytewax", "bthome-ble")


def processor() -> str:
    """The CPU's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    """One line: cores, CPU, memory, system, Python; and how busy it was, which no figure is free of."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    busy = " (a shared, noisy machine: others were at work on it)" if load > cores / 2 else ""
    return (
        f"{cores} cores of {processor()}, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; load at the start {load:.1f}{busy}"
    )


def versions() -> str:
    """One line: what was measured."""
    found = [f"{name} {_ours(name)}" for name in OURS] + [f"{name} {_theirs(name)}" for name in THEIRS]
    return ", ".join([*found, "Apache Kafka 4.1.0", f"mosquitto {_mosquitto()}"])


def _ours(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _theirs(name: str) -> str:
    if not PEERS.exists():
        return "missing"
    asked = f"from importlib.metadata import version; print(version({name!r}))"
    answer = subprocess.run([str(PEERS), "-c", asked], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "missing"


def _mosquitto() -> str:
    try:
        answer = subprocess.run(["/usr/sbin/mosquitto", "-h"], capture_output=True, text=True, check=False)
    except OSError:
        return "missing"
    return answer.stdout.split("\n")[0].rpartition(" ")[2]
