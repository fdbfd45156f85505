"""What the embedded stack costs at rest: `make bench-idle`.

Feeds 24 simulated hours of 12 sensors, heard by 3 gateways, into a stack of its own; takes the broker's topics back to
the half hour that they would hold; then runs the simulator at its real pace and measures every process.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from cli.child import spawn
from runtime.kafka import partition_of
from schemas.frame import Frame, frame_key
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    DELIVERIES,
    EMBEDDED_RETENTION,
    RAW_FRAMES,
    READINGS,
    STREAMS_APP,
    Topic,
)
from shelly.world.scenario import house
from shelly.world.world import World

HOURS = 24
GROUPS = (
    (STREAMS_APP, RAW_FRAMES),
    (STREAMS_APP, ADVERTISEMENTS),
    ("sink-history", READINGS),
    ("sink-aggregates", AGGREGATES),
    ("sink-deliveries", DELIVERIES),
    ("sink-archive", RAW_FRAMES),
)
MEGABYTE = 1 << 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(data: Path, *, simulate: bool, ports: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """`bluflow run` on ports of its own; gives the supervisor."""
    env = {**os.environ, **ports, "BLUFLOW_DATA": str(data), "SIMULATE": str(int(simulate))}
    with (data / "screen").open("wb") as screen:
        supervisor = spawn([sys.executable, "-m", "cli", "run"], env=env, stdout=screen, stderr=screen)
    try:
        deadline = time.monotonic() + 60
        while "bluflow runs" not in (data / "screen").read_text():
            if supervisor.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the stack does not start: {(data / 'screen').read_text()}")
            time.sleep(0.2)
        yield supervisor
    finally:
        supervisor.send_signal(signal.SIGINT)
        supervisor.wait(60)


async def feed(broker: str) -> int:
    """A day of frames, written as the bridge would have; how many."""
    start = int((time.time() - HOURS * 3600) * 1000)
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20)
    await producer.start()
    topic, sent = RAW_FRAMES.full_name("shelly."), []
    for message in World(house(duration=HOURS * 3600), start).messages():
        frame, key = Frame(message.topic, message.payload, message.at + 40), frame_key(message.topic)
        partition = partition_of(key, RAW_FRAMES.embedded_partitions)
        sent.append(await producer.send(topic, frame.payload, key=key, partition=partition, headers=frame.headers()))
    await asyncio.gather(*sent)
    await producer.stop()
    return len(sent)


async def lag(broker: str, group: str, topic: Topic) -> int:
    """Records of the topic that the group has not committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id="shelly." + group, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic.full_name("shelly."), number) for number in range(topic.embedded_partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        return sum([ends[place] - (await consumer.committed(place) or 0) for place in places])
    finally:
        await consumer.stop()


async def wait_until_worked_off(broker: str) -> None:
    while any([await lag(broker, group, topic) for group, topic in GROUPS]):
        await asyncio.sleep(1)


async def keep_half_an_hour(broker: str) -> int:
    """Delete what retention would have deleted by now; how many records stay."""
    share = EMBEDDED_RETENTION / (HOURS * 3600)
    admin, consumer = AIOKafkaAdminClient(bootstrap_servers=broker), AIOKafkaConsumer(bootstrap_servers=broker)
    await admin.start()
    await consumer.start()
    places = [
        TopicPartition(topic.full_name("shelly."), number)
        for topic in (RAW_FRAMES, ADVERTISEMENTS, READINGS)
        for number in range(topic.embedded_partitions)
    ]
    ends = await consumer.end_offsets(places)
    await admin.delete_records({p: RecordsToDelete(int(end * (1 - share))) for p, end in ends.items() if end})
    begins = await consumer.beginning_offsets(places)
    await consumer.stop()
    await admin.close()
    return sum(ends[place] - begins[place] for place in places)


def figures(processes: dict[str, psutil.Process]) -> dict[str, tuple[float, int, int]]:
    """Process -> CPU seconds, bytes it asked to write, bytes that went to a disk."""
    found = {}
    for name, process in processes.items():
        times, io = process.cpu_times(), process.io_counters()
        found[name] = (times.user + times.system, io.write_chars, io.write_bytes)
    return found


def measure(supervisor: int, seconds: float) -> None:
    """Print what each process of the stack takes."""
    parent = psutil.Process(supervisor)
    processes = {"supervisor": parent, **{name_of(child): child for child in parent.children()}}
    before = figures(processes)
    time.sleep(seconds)  # the measurement itself
    after = figures(processes)
    hour = 3600 / seconds
    print(f"{'process':<12}{'RSS MB':>8}{'PSS MB':>8}{'% of a core':>13}{'written MB/h':>14}{'to disk MB/h':>14}")
    total = [0.0] * 5
    for name, process in processes.items():
        memory = process.memory_full_info()
        cpu, asked, disk = (now - then for now, then in zip(after[name], before[name], strict=True))
        row = (
            memory.rss / MEGABYTE,
            memory.pss / MEGABYTE,
            100 * cpu / seconds,
            asked * hour / MEGABYTE,
            disk * hour / MEGABYTE,
        )
        total = [sum(pair) for pair in zip(total, row, strict=True)]
        print(f"{name:<12}{row[0]:>8.0f}{row[1]:>8.0f}{row[2]:>13.1f}{row[3]:>14.1f}{row[4]:>14.1f}")
    print(f"{'all':<12}{total[0]:>8.0f}{total[1]:>8.0f}{total[2]:>13.1f}{total[3]:>14.1f}{total[4]:>14.1f}")


def name_of(process: psutil.Process) -> str:
    """A word for the process, from its command line."""
    words = process.cmdline()
    if "-m" in words:
        words = words[words.index("-m") + 1 :]
        return "simulator" if "simulate" in words else {"streams": "worker"}.get(words[0], words[0].rpartition(".")[2])
    return Path(words[0]).name


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=180, help="how long to measure")
    seconds = arguments.parse_args().seconds
    names = (
        "RUN_KAFKA_PORT",
        "RUN_MQTT_PORT",
        "BRIDGE_PORT",
        "STREAMS_PORT",
        "SINKS_PORT",
        "API_PORT",
        "INVENTORY_PORT",
    )
    ports = {name: str(free_port()) for name in names}
    broker = f"127.0.0.1:{ports['RUN_KAFKA_PORT']}"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with running(data, simulate=False, ports=ports):
            begun = time.monotonic()
            count = asyncio.run(feed(broker))
            asyncio.run(wait_until_worked_off(broker))
            print(f"{count} frames of {HOURS} h worked off in {time.monotonic() - begun:.0f} s")
            print(f"{asyncio.run(keep_half_an_hour(broker))} records stay in the broker's log topics")
        for name in ("history.sqlite", "archive.sqlite"):
            size = sum(file.stat().st_size for file in data.glob(f"{name}*"))  # with what waits in its log
            print(f"{name}: {size / MEGABYTE:.1f} MB")
        with running(data, simulate=True, ports=ports) as supervisor:
            time.sleep(30)  # the first beacons come in quick succession
            measure(supervisor.pid, seconds)


if __name__ == "__main__":
    main()
