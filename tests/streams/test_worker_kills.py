"""The real worker killed with SIGKILL five times while 60,000 advertisements are worked off, the sinks beside it;
300,000 with `THOROUGH=1`.

In the end decode, history, latest and counts equal a plain single-process run of the same folds over the same logs.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.child import spawn
from cli.embedded import kafka_command
from history.sqlite import SqliteHistory
from runtime.kafka import ensure_topics, partition_of
from schemas.aggregate import Aggregate
from schemas.codec import decode_aggregate, decode_latest, decode_reading
from schemas.frame import Frame, tick_headers
from schemas.reading import Latest, Reading
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    FRESHNESS,
    LATEST,
    RAW_FRAMES,
    READINGS,
    STREAMS_APP,
    TOPICS,
    TRACK_CHANGELOG,
    Topic,
)
from streams.fold import latest_of
from streams.formats import decode_frame
from streams.places import Places
from streams.state_codec import load
from streams.track import TrackStage
from streams.watermark import KEY as WATERMARK
from tests.conftest import find_free_port, serving
from tests.streams.engine.conftest import read_all, until

ADVERTS = 300_000 if os.environ.get("THOROUGH") else 60_000
PER_FRAME, SENSORS, GATEWAYS, KILLS = 6, 500, 20, 5
T0 = 1_759_654_321_000
TICK_MS = 30_000
# the frames are of 2025, older than what the history keeps
KEEP_ALL = {"BLUFLOW_RAW_DAYS": "36500", "BLUFLOW_FIVE_MINUTE_DAYS": "36500"}
Start = Callable[..., Any]


def frames() -> Iterator[tuple[bytes, Frame]]:
    """Gateways' frames in order of time: each beacon heard by one to three gateways, in bytes as on the air."""
    dice = random.Random(7)
    waiting: dict[int, list[list[object]]] = {gateway: [] for gateway in range(GATEWAYS)}
    for number in range(ADVERTS):
        beacon, copy = divmod(number, 2)
        sensor, minute = beacon % SENSORS, beacon // SENSORS
        heard_at = T0 + minute * 60_000 + sensor * 100 + copy * 150
        gateway = (sensor + copy * dice.randrange(1, 3)) % GATEWAYS
        data = f"4400{minute % 256:02x}01642e{20 + sensor % 60:02x}45{minute % 200:02x}00"
        mac = f"7c:c6:b6:00:{sensor >> 8:02x}:{sensor & 255:02x}"
        waiting[gateway].append([mac, -60 - sensor % 30, 0, data])
        if len(waiting[gateway]) == PER_FRAME or number >= ADVERTS - GATEWAYS:
            yield frame(gateway, heard_at, waiting[gateway])
            waiting[gateway] = []
    yield from (frame(gateway, heard_at, heard) for gateway, heard in waiting.items() if heard)


def frame(gateway: int, sent_at: int, heard: list[list[object]]) -> tuple[bytes, Frame]:
    name = f"shellypro2-{gateway:012x}"
    ts = sent_at / 1000
    event = {"component": "script:1", "id": 1, "event": "bluflow", "data": {"v": 1, "seq": 1, "d": heard}, "ts": ts}
    body = {"src": name, "dst": f"{name}/events", "method": "NotifyEvent", "params": {"ts": ts, "events": [event]}}
    return name.encode(), Frame(f"{name}/events/rpc", msgspec.json.encode(body), sent_at + 40)


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker of its own: it holds some hundred thousand records, in memory where there is such a folder."""
    home = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=home) as folder:
        port = find_free_port()
        with serving(kafka_command(port, Path(folder)), port, Path(folder) / "log") as address:
            yield address


@pytest.fixture
def start(tmp_path: Path, broker: str) -> Iterator[Start]:
    children = []

    def start_process(*command: str) -> Any:
        ports = {"STREAMS_PORT": str(find_free_port()), "SINKS_PORT": str(find_free_port())}
        members = {"STREAMS_MEMBER_ID": "worker-0", "SINKS_MEMBER_ID": "sinks-0"}
        env = {**os.environ, "BROKER": broker, "BLUFLOW_DATA": str(tmp_path), **KEEP_ALL, **ports, **members}
        with (tmp_path / f"{command[0]}.log").open("ab") as log:
            child = spawn([sys.executable, "-m", *command], env=env, stdout=log, stderr=log)
        children.append(child)
        return child

    yield start_process
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
async def published(broker: str) -> int:
    """All frames in raw-frames; gives how many there are."""
    await ensure_topics(broker, TOPICS, "shelly.", embedded=True)
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20, max_batch_size=500_000)
    await producer.start()
    topic = RAW_FRAMES.full_name("shelly.")
    sent, ticked_at = [], T0 - T0 % TICK_MS
    for key, f in frames():
        while ticked_at <= f.received_at:
            sent += [
                await producer.send(topic, b"", partition=place, headers=tick_headers(ticked_at)) for place in range(4)
            ]
            ticked_at += TICK_MS
        sent.append(await producer.send(topic, f.payload, key=key, partition=partition_of(key, 4), headers=f.headers()))
    await asyncio.gather(*sent)
    await producer.stop()
    return len(sent)


async def lag(broker: str, group: str, topic: str) -> int:
    """How many records of the topic the group has not committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(4)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        return sum([ends[place] - (await consumer.committed(place) or 0) for place in places])
    finally:
        await consumer.stop()


async def read(broker: str, topic: Any) -> list[list[Any]]:
    return await read_all(broker, topic.full_name("shelly."))


async def to_do(broker: str) -> int:
    """How many records of its two logs the worker has not committed."""
    topics = (RAW_FRAMES, ADVERTISEMENTS)
    return sum([await lag(broker, "shelly." + STREAMS_APP, topic.full_name("shelly.")) for topic in topics])


async def kill_while_working(broker: str, start: Start) -> None:
    """Start the worker, wait until it moves, kill it at some moment."""
    dice = random.Random(3)
    before = await to_do(broker)
    for _ in range(KILLS):
        worker = start("streams", "worker")

        async def moves(before: int = before) -> bool:
            return await to_do(broker) != before

        await until(moves, 60)
        await asyncio.sleep(dice.uniform(0.0, 0.3))  # any moment will do
        assert worker.poll() is None
        worker.kill()
        worker.wait()
        before = await to_do(broker)
        assert before, "it was killed at work"


def plain_decode(raw: list[list[Any]]) -> set[bytes]:
    """Every advertisement of the raw log, in one process and one pass."""
    return {
        msgspec.json.encode(advertisement, order="deterministic")
        for records in raw
        for record in records
        if record.value
        for advertisement in decode_frame(
            Frame.from_record(record.value, record.headers), {}, partition=record.partition, offset=record.offset
        ).advertisements
    }


class Plain:
    """What one process makes of the advertisements log in one pass, each partition in one batch."""

    def __init__(self, log: list[list[Any]]) -> None:
        self.outputs: list[Any] = []
        self.states: dict[str, bytes] = {}
        stage = TrackStage(Places("shelly.", {topic.name: topic.embedded_partitions for topic in TOPICS}))
        for partition, records in enumerate(log):
            work = stage.fold(records, {}, partition)
            self.outputs += work.outputs
            self.states |= {key.decode(): value or b"" for key, value in work.changed.items() if key != WATERMARK}

    def of(self, topic: Topic) -> list[bytes]:
        """The values written to a topic."""
        return [output.value for output in self.outputs if output.topic == topic.full_name("shelly.")]


def applied(values: Iterable[bytes]) -> dict[bytes, Aggregate]:
    """Aggregates as a reader holds them in the end."""
    held: dict[bytes, Aggregate] = {}
    for value in values:
        found = decode_aggregate(value)
        if found.key not in held or found.revision > held[found.key].revision:
            held[found.key] = found
    return held


async def stored(history: SqliteHistory, sensors: list[str]) -> dict[tuple[str, int], Reading]:
    return {
        (sensor, reading.measured_at): reading
        for sensor in sensors
        async for reading in history.readings(sensor, 0, 1 << 60)
    }


@pytest.mark.timeout(600)
async def test_five_kills_change_nothing(broker: str, published: int, start: Start, tmp_path: Path) -> None:
    start("streams.sinks")
    await kill_while_working(broker, start)
    worker = start("streams", "worker")

    async def is_worked_off() -> bool:
        return not await to_do(broker)

    async def is_stored() -> bool:
        return not await lag(broker, "shelly.sink-history", READINGS.full_name("shelly."))

    await until(is_worked_off, 240)
    worker.terminate()
    assert worker.wait(30) == 0
    await until(is_stored, 120)

    log = await read(broker, ADVERTISEMENTS)
    heard = {record.value for records in log for record in records if record.key}
    assert heard == plain_decode(await read(broker, RAW_FRAMES))
    plain = Plain(log)
    states = {sensor: load(value) for sensor, value in plain.states.items()}
    readings = {(each.sensor, each.measured_at): each for each in map(decode_reading, plain.of(READINGS))}
    assert len(states) == SENSORS
    assert Counter(sensor for sensor, _ in readings) == dict.fromkeys(states, ADVERTS // 2 // SENSORS)

    written: dict[tuple[str, int], Reading] = {}
    for records in await read(broker, READINGS):
        for record in records:
            reading = decode_reading(record.value)
            again = written.setdefault((reading.sensor, reading.measured_at), reading)
            assert again == reading, "a redelivery repeats a reading bit for bit"
    assert written == readings
    history = SqliteHistory(tmp_path / "history.sqlite")
    assert await stored(history, sorted(states)) == readings
    await history.close()

    latest: dict[str, Latest] = {}
    for records in await read(broker, LATEST):
        for record in records:
            entry = decode_latest(record.value)
            if entry.sensor not in latest or entry.revision > latest[entry.sensor].revision:
                latest[entry.sensor] = entry
    assert {s: (e.measured_at, e.readings, e.values) for s, e in latest.items()} == {
        s: (e.measured_at, e.readings, e.values) for s, e in ((s, latest_of(s, state)) for s, state in states.items())
    }
    recovered: dict[str, bytes] = {}
    for records in await read(broker, TRACK_CHANGELOG):
        for record in records:
            recovered[record.key.decode()] = record.value
    recovered.pop(WATERMARK.decode())
    assert recovered == plain.states

    told = {record.value for records in await read(broker, FRESHNESS) for record in records}
    assert told == set(plain.of(FRESHNESS))
    assert len(told) >= SENSORS
    windows = [record.value for records in await read(broker, AGGREGATES) for record in records]
    assert applied(windows) == applied(plain.of(AGGREGATES))
