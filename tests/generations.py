"""Workers, sinks and APIs of several generations on one broker, and what they should make of a log."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from cli.child import spawn
from history.archive import Placed
from history.sqlite import SqliteHistory
from runtime.snapshot import snapshot
from schemas.aggregate import WIDTHS, Aggregate
from schemas.codec import decode_reading
from schemas.delivery import Delivery
from schemas.reading import Reading
from schemas.registry import Registry
from schemas.topics import RAW_FRAMES, READINGS
from streams.handover import closes_at
from streams.replay.fold import Fold
from tests.cli.processes import ROOT, bluflow, environment
from tests.conftest import find_free_port
from tests.streams.replay.logs import SENSORS, publish

_PROCESSES = {
    "worker": (("streams", "worker"), "STREAMS_PORT"),
    "sinks": (("streams.sinks",), "SINKS_PORT"),
    "api": (("api",), "API_PORT"),
}


class Stack:
    """`live` is the generation that the command's settings say; `log` what is published of it, bit by bit."""

    def __init__(self, broker: str, prefix: str, folder: Path, log: list[Placed]) -> None:
        self.broker, self.prefix, self.folder, self.live, self.log = broker, prefix, folder, "", log
        self.settings = {
            "BROKER": broker,
            "BLUFLOW_TOPIC_PREFIX": prefix,
            "BLUFLOW_DATA": str(folder),
            "BLUFLOW_RAW_DAYS": "36500",
            "BLUFLOW_FIVE_MINUTE_DAYS": "36500",
        }
        self._running: dict[tuple[str, str], Any] = {}
        self._ports: dict[tuple[str, str], int] = {}
        self._published = 0

    def start(self, name: str, generation: str) -> None:
        """One process of that generation."""
        module, setting = _PROCESSES[name]
        port = self._ports[name, generation] = find_free_port()
        own = {setting: str(port), "BLUFLOW_GENERATION": generation}
        env = environment(PYTHONPATH=str(ROOT), **self.settings, **own)
        with (self.folder / f"{name}-{generation}.log").open("ab") as out:
            command = [sys.executable, "-P", "-m", *module]
            child = spawn(command, env=env, cwd=str(self.folder), stdout=out, stderr=out)
        self._running[name, generation] = child

    def stop(self, name: str, generation: str) -> None:
        """In order."""
        child = self._running.pop((name, generation))
        child.terminate()
        assert child.wait(20) == 0

    def end(self) -> None:
        """All that still run."""
        for child in self._running.values():
            child.kill()
            child.wait()

    def url(self, name: str, generation: str) -> str:
        return f"http://127.0.0.1:{self._ports[name, generation]}"

    def readiness(self, name: str, generation: str) -> tuple[int, str]:
        """Status and text; 0 while it does not answer."""
        try:
            answer = httpx.get(self.url(name, generation) + "/health/ready")
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`bluflow ...`"""
        return bluflow(*arguments, folder=self.folder, **self.settings, BLUFLOW_GENERATION=self.live)

    def told(self, *arguments: str) -> Any:
        """What it prints as JSON; it has to end well."""
        done = self.run(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def standing(self, generation: str) -> dict[str, Any]:
        """Of the status."""
        found = self.told("generation", "status")
        return dict(next(each for each in found if each["generation"] == generation))

    async def publish(self, until: int) -> None:
        """The log goes on up to that arrival."""
        records = [each for each in self.log[self._published :] if each.received_at < until]
        await publish(self.broker, RAW_FRAMES.full_name(self.prefix), records, delay=None)
        self._published += len(records)

    async def made(self, generation: str) -> list[Reading]:
        """The readings that a generation's worker has written."""
        topic = READINGS.full_name(self.prefix, generation)
        return [decode_reading(record.value) async for record in snapshot(self.broker, topic)]

    async def held(self) -> tuple[list[Reading], list[Aggregate], list[Delivery]]:
        """What the history holds."""
        history = SqliteHistory(self.folder / "history.sqlite")
        try:
            readings = [each for sensor in SENSORS async for each in history.readings(sensor, 0, 2**62)]
            spans = [(sensor, width) for sensor in SENSORS for width in WIDTHS]
            windows = [each for span in spans async for each in history.aggregates(*span, 0, 2**62)]
            hours = [each for sensor in SENSORS for each in await history.deliveries(sensor, 0, 2**62)]
            return readings, windows, hours
        finally:
            await history.close()

    async def until_held(self) -> None:
        """The history holds each packet that was published once, and the windows that were closed.

        A window is final by a reading, or by a tick 75 s later: by which depends on how the raw partitions interleave.
        """
        published = self.log[: self._published]
        clock = published[-1].received_at - 60_000
        expected, deadline = facts_of(*made_of(published), clock), time.monotonic() + 30
        while (found := facts_of(*await self.held(), clock)) != expected:
            if time.monotonic() > deadline:
                assert found == expected
            await asyncio.sleep(0.05)


Facts = tuple[list[tuple[Any, ...]], dict[bytes, tuple[Any, ...]], dict[bytes, tuple[Any, ...]]]


def facts_of(readings: list[Reading], windows: list[Aggregate], hours: list[Delivery], clock: int) -> Facts:
    """Packets, windows that are closed by then (unix milliseconds) at the latest, and hours of deliveries.

    Not what is of a race of gateways, the milliseconds.
    """
    packets = [
        (each.sensor, each.measured_at // 1000, each.packet_id, sorted(each.values.items())) for each in readings
    ]
    closed = [each for each in windows if closes_at(each) <= clock]
    return (
        sorted(packets),
        {each.key: (each.final, each.count, each.min, each.max, each.mean, each.first, each.last) for each in closed},
        {each.key: (each.expected, each.heard, each.by_gateway) for each in hours if each.final},
    )


def made_of(records: list[Placed]) -> tuple[list[Reading], list[Aggregate], list[Delivery]]:
    """What one fold in this process makes of them."""
    readings, windows, hours = list[Reading](), dict[bytes, Aggregate](), dict[bytes, Delivery]()

    def emit(made: Reading | Aggregate | Delivery) -> None:
        if isinstance(made, Reading):
            readings.append(made)
        elif isinstance(made, Aggregate):
            windows[made.key] = made
        else:
            hours[made.key] = made

    fold = Fold(emit, partitions=4, keys={}, registry=Registry())
    for each in records:
        fold.take(each)
    fold.finish()
    return readings, list(windows.values()), list(hours.values())
