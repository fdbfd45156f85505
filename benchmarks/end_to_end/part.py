"""Sensors on real MQTT at a fixed rate, through everything, until it breaks; one simple process on the same load."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import Popen

import msgspec
import psutil

from benchmarks.bench import Bench
from benchmarks.brokers import BROKERS, delete_topics, embedded, mosquitto
from benchmarks.child import SERVING, Absent, Failed, awaited, ending, serving, started
from benchmarks.end_to_end.figures import Costs, Step, cost_table, latency_table
from benchmarks.end_to_end.lived import lived
from benchmarks.end_to_end.load import Sent
from benchmarks.end_to_end.plan import Plan
from benchmarks.end_to_end.probe import GIVE_UP, Seen
from benchmarks.end_to_end.simple import Stored
from benchmarks.figures import percentile
from benchmarks.pipeline import cost, costs, pipeline
from benchmarks.recovery.changelog import fill
from runtime.kafka import ensure_topics
from schemas.topics import TOPICS
from tests.conftest import find_free_port

NAME = "end-to-end"
TITLE = "From a sensor's packet to API and history"
LIVE = 6_000  # sensors: 100 readings a second
SENSORS = (1_000, LIVE, 10_000, 100_000, 200_000, 300_000)  # and twice as many, again and again
MOST = 5_000_000
SECONDS, SECONDS_OF_MANY = 60, 180
LONG, LONG_SECONDS = 200_000, 600  # once, on Kafka: whether memory stays
LIVE_AIM = 0.3  # seconds
MANY = 100_000  # sensors, from which on fewer packets are looked for: the machine has nothing to spare
PROBES, PROBES_OF_MANY = 10, 4  # a second
# Seconds at the start that no latency counts of. Each of many sensors is heard for the first time in the first minute,
# its state read from bytes: such a start is harder than what lasts.
WARM, WARM_OF_MANY = 3, 120
_START_IN = 3.0  # seconds, until which every process of the load is there
# What the tables hold says when the first packet is due: so long from now, and a second for so many sensors.
_READY_IN, _FILLED = 20.0, 8_000
# Seconds without a new row: what is not there by then is missing. A worker that was minutes behind once took over 15.
_STANDSTILL = 60.0
_PATIENCE = 90.0
_IDLE = 0.1  # CPU seconds in two seconds of a process that has nothing to do any more


def measure(bench: Bench) -> Iterator[str]:
    """Two tables a broker, and one of the simple process."""
    for name, broker in BROKERS.items():
        folder = bench.folder / name.replace(" ", "-")
        folder.mkdir()
        try:
            with broker(folder) as address, mosquitto(folder) as mqtt:
                run = partial(_ours, bench, folder, address, broker is embedded, mqtt)
                climb = _climb(bench, name, run, partial(_lasting, long=broker is not embedded))
                yield f"**{name}.** " + _told(*climb)
        except Absent as absent:
            yield f"**{name}**: {absent}"
    folder = bench.folder / "simple"
    folder.mkdir()
    with mosquitto(folder) as mqtt, _swallow(folder) as url:
        steps, why = _climb(bench, "simple", partial(_simple, folder, url, mqtt), lambda _: SECONDS)
        yield f"**One process, paho, decode, influxdb-client.** {why}\n\n{latency_table(steps, api=False)}\n\n" + (
            cost_table(steps)
        )


def _lasting(sensors: int, *, long: bool) -> int:
    """Seconds of a full run."""
    if long and sensors == LONG:
        return LONG_SECONDS
    return SECONDS if sensors < MANY else SECONDS_OF_MANY


def _climb(
    bench: Bench, name: str, run: Callable[[int, float], Step], lasting: Callable[[int], int]
) -> tuple[list[Step], str]:
    """Loads, until one breaks: the steps, and why there are no more. `lasting`: seconds of a full run, by sensors."""
    steps: list[Step] = []
    sizes = SENSORS[:1] if bench.smoke else SENSORS
    while True:
        sensors = sizes[len(steps)] if len(steps) < len(sizes) else steps[-1].sensors * 2
        if sensors > MOST or (bench.smoke and steps):
            return steps, ""
        try:
            step = run(sensors, bench.size(4, 20, lasting(sensors)))
        except Failed as failed:
            bench.failed.append(f"{name}, {sensors:,} sensors: {failed}")
            return steps, f"{sensors:,} sensors: {failed}."
        steps.append(step)
        print(f"  {name}: {latency_table([step]).splitlines()[-1]}", file=sys.stderr, flush=True)
        if step.broken:
            return steps, f"Ended with {sensors:,} sensors: {step.broken}."


def _told(steps: list[Step], why: str) -> str:
    live = [step for step in steps if step.sensors == LIVE]
    said = "".join(
        f" At 100 readings/s p99 to the API is {percentile(step.api, 0.99) * 1000:.0f} ms (aim: below "
        f"{LIVE_AIM * 1000:.0f})."
        for step in live
    )
    return f"{why}{said}\n\n{latency_table(steps)}\n\n{cost_table(steps)}" if steps else why


def _ours(bench: Bench, folder: Path, broker: str, embedded: bool, mqtt: str, sensors: int, seconds: float) -> Step:
    """One load on processes, topics and stores of its own."""
    place, prefix = folder / str(sensors), f"load-{sensors}."
    place.mkdir()
    topics = [replace(topic, partitions=topic.embedded_partitions) for topic in TOPICS]
    asyncio.run(ensure_topics(broker, topics, prefix, embedded=embedded))
    settings = {
        "BROKER": broker,
        "MQTT": mqtt,
        "BLUFLOW_TOPIC_PREFIX": prefix,
        "BRIDGE_CLIENT_ID": f"bench-{sensors}",
    }
    history = place / "history.sqlite"
    plan = Plan(
        mqtt=mqtt,
        sensors=sensors,
        seconds=seconds,
        start=time.time() + _READY_IN + sensors / _FILLED,
        history=str(history),
        warm=0 if bench.smoke else min(WARM_OF_MANY if sensors >= MANY else WARM, seconds / 2),
        probes=PROBES if sensors < MANY else PROBES_OF_MANY,
    )
    try:
        asyncio.run(fill(broker, prefix, lived(plan)))
        with pipeline(place, settings, _PATIENCE) as children:
            plan = msgspec.structs.replace(plan, api=children["api"].page)
            if time.time() + _START_IN > plan.start:
                raise Failed("not ready when the first packet was due")
            with ending(_child("probe", place, plan)) as asker:
                sent, seen_costs = _load(plan, place)
                acked_at = time.monotonic()
                stored, rows = _wait_for_rows(history, sent.acked)
                after = time.monotonic() - acked_at
                seen = awaited(asker, place / "probe.log", Seen, 3 * GIVE_UP)
    finally:
        delete_topics(broker, prefix)
    return Step(sensors, plan.rate, sent, seen.api, seen.history, stored, rows - stored, after, seen_costs)


def _simple(folder: Path, url: str, mqtt: str, sensors: int, seconds: float) -> Step:
    place = folder / str(sensors)
    place.mkdir()
    plan = Plan(mqtt=mqtt, sensors=sensors, seconds=seconds, start=time.time() + _START_IN)
    with ending(_child("simple", place, plan, url, core=None)) as peer:
        sent, seen_costs = _load(plan, place)
        acked_at, written = time.monotonic(), -1.0
        process = psutil.Process(peer.pid)
        while written + _IDLE < (written := cost(process).cpu) and time.monotonic() - acked_at < _PATIENCE:
            time.sleep(2)  # it works on what waits
        peer.terminate()
        latencies = awaited(peer, place / "simple.log", Stored, _PATIENCE).latencies
    after = time.monotonic() - acked_at
    return Step(sensors, plan.rate, sent, [], latencies, len(latencies), 0, after, seen_costs)


def _child(module: str, folder: Path, plan: Plan, *more: str, core: int | None = SERVING) -> "Popen[bytes]":
    command = [sys.executable, "-m", f"benchmarks.end_to_end.{module}", msgspec.json.encode(plan).decode(), *more]
    return started(command, core, folder / f"{module}.log")


def _load(plan: Plan, folder: Path) -> tuple[Sent, Costs]:
    """Play the load; what every process cost meanwhile, once a second from the first packet on."""
    found = Costs()
    with ending(_child("load", folder, plan)) as child:
        time.sleep(max(0.0, plan.start - time.time()))
        while time.time() < plan.due(plan.packets):
            found.append((time.monotonic(), costs()))
            time.sleep(1)
        found.append((time.monotonic(), costs()))
        return awaited(child, folder / "load.log", Sent, _PATIENCE), found


def _wait_for_rows(file: Path, wanted: int) -> tuple[int, int]:
    """Distinct packets and rows of the history, once all are there or none comes any more."""
    found, grew = (0, 0), time.monotonic()
    while found[0] < wanted and time.monotonic() - grew < _STANDSTILL:
        before, found = found, _rows(file)
        if found != before:
            grew = time.monotonic()
        time.sleep(0.2)
    return found


def _rows(file: Path) -> tuple[int, int]:
    if not file.exists():
        return 0, 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            [row] = connection.execute("SELECT count(DISTINCT sensor * 256 + packet_id), count(*) FROM reading")
        except sqlite3.OperationalError:  # no table yet
            return 0, 0
        return int(row[0]), int(row[1])


@contextmanager
def _swallow(folder: Path) -> Iterator[str]:
    port = find_free_port()
    command = [sys.executable, "-m", "benchmarks.sink.swallow", str(port)]
    with serving(command, port, folder / "swallow.log") as address:
        yield f"http://{address}"
