"""A worker that comes back to tables of many sensors: until it is ready, and until it has folded what comes then."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from aiokafka import AIOKafkaProducer

from benchmarks.bench import Bench
from benchmarks.brokers import BROKERS, count_records, embedded
from benchmarks.child import Absent, Failed
from benchmarks.engine.backlog import PARTITIONS, sensor
from benchmarks.figures import markdown, spread
from benchmarks.pipeline import child, cost
from benchmarks.recovery.changelog import fill, states
from runtime.kafka import ensure_topics, partition_of
from schemas.advertisement import Advertisement, Coordinate
from schemas.codec import encode
from schemas.topics import ADVERTISEMENTS, READINGS, TOPICS

NAME = "recovery"
TITLE = "A worker's tables after a restart"
SENSORS = (100_000, 1_000_000)
# noida-db holds its topics in memory and answers nobody while it writes them all into its file
MOST_EMBEDDED = 100_000
_LOOK_EVERY = 0.02


class Recovery(NamedTuple):
    """Seconds from the worker's start until it is ready, and until the reading is there of a packet that came then;
    CPU seconds until ready; resident memory then and after the reading, bytes.
    """

    ready: float
    folded: float
    cpu: float
    memory: int
    after: int


def measure(bench: Bench) -> Iterator[str]:
    """A table for each broker."""
    for name, broker in BROKERS.items():
        folder = bench.folder / name.replace(" ", "-")
        folder.mkdir()
        sizes = (1_000,) if bench.smoke else (10_000,) if bench.quick else SENSORS
        lines = [["", "until ready, s", "until the next reading, s", "CPU until ready, s", "changelog, MB", "MB"]]
        lines[0] += ["bytes a sensor", "MB after the reading"]
        for sensors in sizes:
            if broker is embedded and sensors > MOST_EMBEDDED:
                continue
            place = folder / str(sensors)
            place.mkdir()
            try:
                with broker(place) as address:
                    lines.append(_row(bench, place, address, sensors, embedded=broker is embedded))
            except Failed as failed:
                lines.append([f"{sensors:,} sensors", str(failed), *[""] * (len(lines[0]) - 2)])
                if not isinstance(failed, Absent):
                    bench.failed.append(f"{name}, {sensors:,} sensors: {failed}")
        yield f"**{name}.**\n\n{markdown(lines)}"


def _row(bench: Bench, folder: Path, broker: str, sensors: int, *, embedded: bool) -> list[str]:
    """Restarts on one changelog, and as many on an empty one, in turn."""
    sizes = {}
    for prefix, count in (("empty.", 0), ("full.", sensors)):
        topics = [replace(topic, partitions=topic.embedded_partitions) for topic in TOPICS]
        asyncio.run(ensure_topics(broker, topics, prefix, embedded=embedded))
        sizes[prefix] = asyncio.run(fill(broker, prefix, states(count))) if count else 0
    empty, full = list[Recovery](), list[Recovery]()
    for number in range(bench.rounds):
        empty.append(_restart(folder, broker, "empty.", number, bench.seconds))
        full.append(_restart(folder, broker, "full.", number, bench.seconds))
    return [f"{sensors:,} sensors", *_cells(full, empty, sensors, sizes["full."])]


def _cells(full: Sequence[Recovery], empty: Sequence[Recovery], sensors: int, size: int) -> list[str]:
    base = median(each.memory for each in empty)
    return [
        f"{spread([each.ready for each in full])}; empty {spread([each.ready for each in empty])}",
        f"{spread([each.folded for each in full])}; empty {spread([each.folded for each in empty])}",
        spread([each.cpu for each in full]),
        f"{size / 1e6:,.0f}",
        f"{spread([each.memory / 1e6 for each in full])}; empty {base / 1e6:.0f}",
        f"{(median(each.memory for each in full) - base) / sensors:,.0f}",
        spread([each.after / 1e6 for each in full]),
    ]


def _restart(folder: Path, broker: str, prefix: str, number: int, seconds: float) -> Recovery:
    """One worker from its start to its next reading. Raises Failed."""
    place = folder / f"{prefix}{number}"
    place.mkdir()
    settings = {"BROKER": broker, "BLUFLOW_TOPIC_PREFIX": prefix, "STREAMS_SESSION_SECONDS": "6"}
    began, readings = time.monotonic(), READINGS.full_name(prefix)
    with child("worker", place, settings) as worker:
        process = psutil.Process(worker.process.pid)
        worker.wait_ready(seconds)
        ready, at = time.monotonic() - began, cost(process)
        asyncio.run(_advertise(broker, prefix, number))
        while count_records(broker, readings, PARTITIONS) <= number:
            if time.monotonic() - began > seconds:
                raise Failed(f"ready, but nothing folded within {seconds:.0f} s")
            worker.ready()  # raises if it has ended
            time.sleep(_LOOK_EVERY)
        recovery = Recovery(ready, time.monotonic() - began, at.cpu, at.memory, cost(process).memory)
        worker.process.terminate()
        worker.process.wait(30)  # leaves the group, so that the next one need not wait for its session to end
    return recovery


async def _advertise(broker: str, prefix: str, number: int) -> None:
    """A packet of a sensor that is in the tables, beyond whatever was folded of it."""
    now, address = time.time_ns() // 1_000_000, sensor(0)
    place = Coordinate(0, 0, 1_000_000_000 + number, 0)
    values = {"packet_id": number, "temperature": 20.5}
    said = Advertisement(address, "shellypro2-aabbcc", now, now, "gateway", values, "bluflow", place)
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        key = address.encode()
        topic = ADVERTISEMENTS.full_name(prefix)
        await producer.send_and_wait(topic, encode(said), key=key, partition=partition_of(key, PARTITIONS))
    finally:
        await producer.stop()
