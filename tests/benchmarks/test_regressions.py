"""The gate against slow commits: opcodes an event, which no noisy machine can change, and CPU against a reference.

The bounds on opcodes lie a quarter above what was counted when they were set. Whoever makes something cheaper lowers
its bound; whoever must raise one says why in the commit.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import MQTTMessage

from benchmarks.decode.packets import START, beacons
from benchmarks.end_to_end.plan import Plan
from benchmarks.engine.backlog import PARTITIONS, records
from benchmarks.sink.readings import batches as sink_batches
from benchmarks.steady.traffic import Fold, batches, plan_of
from benchmarks.work import cpu_ratio, opcodes
from bridge.app import Bridge
from bridge.settings import BridgeSettings
from history.points import reading_points
from schemas.codec import decode_advertisement, decode_reading
from schemas.frame import Frame
from schemas.topics import TOPICS
from shelly.world.air import Heard
from shelly.world.shapes import SCRIPTS
from streams.decode import DecodeStage
from streams.formats import decode_frame
from streams.formats.bthome import decode
from streams.places import Places
from streams.track import TrackStage

EVENTS = 4_000
Job = tuple[Callable[[], object], int]  # the work, and of how many events


def fold() -> Job:
    """One partition's share of a backlog of 100 sensors: half an hour, so windows and memory are as in service."""
    backlog = [SimpleNamespace(value=value, topic="t", partition=0, offset=0) for _, _, value in _first_partition()]
    places = Places("", {topic.name: PARTITIONS for topic in TOPICS})

    def work() -> None:
        states: dict[bytes, Any] = {}
        stage = TrackStage(places)
        for start in range(0, len(backlog), 1_000):
            stage.fold(backlog[start : start + 1_000], states, 0)

    return work, len(backlog)


def _first_partition() -> list[tuple[int, bytes, bytes]]:
    return [record for record in records(EVENTS, 100) if record[0] == 0]


def steady() -> Job:
    """Sensors that have spoken for an hour and a half go on for five minutes: full states, and windows become final.

    The work can be done twice.
    """
    plan = plan_of(400, 6)
    made = list(batches(plan))
    first = len(made) // 6
    folds = [Fold(plan), Fold(plan)]
    for fold in folds:
        for batch in made[:first]:  # states are read from bytes
            fold.take(batch)

    def work() -> None:
        fold = folds.pop()
        for batch in made[first:]:
            fold.take(batch)

    return work, 400 * 5


def packet() -> Job:
    """BTHome service data to values."""
    found = [beacon.service_data for beacon in beacons(EVENTS, encrypted=False)]
    return lambda: [decode(data) for data in found], EVENTS


def frame() -> Job:
    """An MQTT message to its advertisement."""
    found = []
    for number, beacon in enumerate(beacons(EVENTS, encrypted=False)):
        written = SCRIPTS["bluflow"].write("gw", START, number, [Heard(START - 40, -60, beacon)])
        assert written is not None
        found.append(Frame(*written, START + 30))
    return lambda: [decode_frame(each, {}) for each in found], EVENTS


def decoding() -> Job:
    """Frames of 100 gateways through the stage, whose memory of each is folded."""
    plan = Plan(mqtt="", sensors=10_000, seconds=60, start=START / 1000)
    raw = []
    for place in range(EVENTS):
        topic, payload = plan.message(place)
        headers = Frame(topic.decode(), payload, START + place).headers()
        raw.append(SimpleNamespace(key=b"", value=payload, headers=headers, partition=0, offset=place, timestamp=0))
    places = Places("", {topic.name: PARTITIONS for topic in TOPICS})

    def work() -> None:
        states: dict[bytes, Any] = {}
        stage = DecodeStage(places, dict)
        for start in range(0, EVENTS, 1_000):
            stage.fold(raw[start : start + 1_000], states, 0)

    return work, EVENTS


def arrival() -> Job:
    """An MQTT message to its record, in line for Kafka, and out of it with its acknowledgement. 100 gateways."""
    found = []
    for number in range(EVENTS):
        message = MQTTMessage(number % 65_535 + 1, b"gw-%d/events/rpc" % (number % 100))
        message.payload, message.qos = b'{"src":"gw"}', 1
        found.append(message)

    def work() -> None:
        bridge = Bridge(BridgeSettings(max_in_flight=EVENTS + 1))
        window = bridge.in_flight
        for each in found:
            bridge.arrived(each, False, lambda: None)
        while delivery := window.next_unsent():
            window.sent()
            window.delivered(delivery)

    return work, EVENTS


def points() -> Job:
    """A record of a reading to InfluxDB's lines."""
    found = [value for batch in sink_batches(EVENTS) for value in batch]
    return lambda: [reading_points(decode_reading(value), "") for value in found], EVENTS


def reference() -> Job:
    """What any of them would do at least: an advertisement's JSON into a struct and back."""
    found = [value for _, _, value in _first_partition()]
    encode = msgspec.json.Encoder().encode
    return lambda: [encode(decode_advertisement(value)) for value in found for _ in range(4)], 4 * len(found)


@pytest.mark.parametrize(
    ("job", "most"),
    [(fold, 3_000), (steady, 7_700), (packet, 135), (frame, 1_220), (decoding, 2_150), (points, 400), (arrival, 630)],
)
def test_an_event_takes_no_more_opcodes_than_it_did(job: Callable[[], Job], most: int) -> None:
    work, events = job()
    work()  # layouts are learnt, caches filled
    assert opcodes(work) / events < most


@pytest.mark.parametrize(
    ("job", "most"), [(fold, 80), (packet, 2), (frame, 13), (decoding, 50), (points, 9), (arrival, 11)]
)
def test_an_event_takes_no_more_cpu_beside_json_than_it_did(job: Callable[[], Job], most: float) -> None:
    """Twice what was measured: for what opcodes do not show, time within C and what grows with the square."""
    work, events = job()
    base, references = reference()
    assert cpu_ratio(work, base) * references / events < most


def test_opcodes_are_the_same_each_time() -> None:
    work, _ = packet()
    work()
    assert opcodes(work) == opcodes(work) > EVENTS
