"""Hostile payloads: the fold of decode never raises, keeps each payload's bytes or makes records of it that track can
read, and track folds those without raising. `THOROUGH=1` tries a million.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import (
    decode_aggregate,
    decode_clock,
    decode_delivery,
    decode_latest,
    decode_reading,
    decode_transition,
)
from schemas.frame import Frame, tick_headers
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    CLOCK,
    DEAD_LETTERS,
    DELIVERIES,
    FRESHNESS,
    LATEST,
    RAW_FRAMES,
    READINGS,
    TOPICS,
)
from streams.decode import DecodeStage
from streams.engine import States
from streams.places import Places
from streams.track import TrackStage

PLACES = Places("", {topic.name: topic.embedded_partitions for topic in TOPICS} | {RAW_FRAMES.name: 1})
READ = {
    READINGS.name: decode_reading,
    LATEST.name: decode_latest,
    AGGREGATES.name: decode_aggregate,
    DELIVERIES.name: decode_delivery,
    FRESHNESS.name: decode_transition,
    CLOCK.name: decode_clock,
}
PAYLOADS, BATCH = 1_000_000 if os.environ.get("THOROUGH") else 200_000, 5_000
MQTT_TOPICS = ("gw/events/rpc", "gw/events/ble", "gw/status/x:1", "odd", "a/b/c/events/rpc")


def hostile(dice: random.Random, real: list[bytes]) -> bytes:
    """Random bytes, or a real frame with some bytes changed, cut, doubled or crossed with another."""
    if dice.random() < 0.4:
        return dice.randbytes(dice.randrange(60))
    payload = bytearray(dice.choice(real))
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(payload) + 1)
        kind = dice.randrange(4)
        if kind == 0:
            payload[at : at + 1] = dice.randbytes(1)
        elif kind == 1:
            payload[at : at + dice.randrange(1, 9)] = dice.choice(
                (b"null", b"-1", b"1e99", b"[]", b"{}", b'""', b"true")
            )
        elif kind == 2:
            del payload[at : at + dice.randrange(1, 30)]
        else:
            payload[at:at] = payload[at : at + dice.randrange(1, 60)]
    return bytes(payload)


@pytest.mark.timeout(900)
def test_random_payloads_stop_nothing(data: Path) -> None:
    dice = random.Random(11)
    frames = json.loads((data / "shelly-frames.json").read_text())
    real = [json.dumps(frame["payload"]).encode() for frame in frames if isinstance(frame["payload"], dict)]
    stage, track = DecodeStage(PLACES, dict), TrackStage(PLACES)
    decoded: States = {}
    tracked: States = {}
    counts = Counter[str]()
    for start in range(0, PAYLOADS, BATCH):
        records = [raw(start + number, dice.choice(MQTT_TOPICS), hostile(dice, real)) for number in range(1, BATCH)]
        records.append(clock(start + BATCH))
        outputs = stage.fold(records, decoded, 0).outputs
        sent = {record.offset: record.value for record in records}
        for output in outputs:
            counts[output.topic] += 1
            if output.topic == DEAD_LETTERS.name:
                origin = dict(output.headers)["dead-letter-origin"].decode()
                assert output.value == sent[int(origin.rpartition(":")[2])]
        advertisements = [
            SimpleNamespace(
                topic=ADVERTISEMENTS.name, partition=0, offset=n, key=o.key, value=o.value, headers=(), timestamp=1
            )
            for n, o in enumerate(outputs)
            if o.topic == ADVERTISEMENTS.name
        ]
        for output in track.fold(advertisements, tracked, 0).outputs:
            counts[output.topic] += 1
            READ[output.topic](output.value or b"")
    assert counts[DEAD_LETTERS.name] > PAYLOADS // 2
    assert counts[ADVERTISEMENTS.name] > PAYLOADS // 1000, "some of what was mutated still says something"
    assert counts[READINGS.name]
    assert counts[AGGREGATES.name]
    assert counts[DELIVERIES.name]
    assert counts[FRESHNESS.name]


def clock(offset: int) -> Any:
    """A tick: what was hostile must be published, closed and called silent too."""
    record = raw(offset, "", b"")
    record.headers = tick_headers(1_759_654_321_600 + offset * 30)
    return record


def raw(offset: int, topic: str, payload: bytes) -> Any:
    frame = Frame(topic, payload, 1_759_654_321_600 + offset)
    return SimpleNamespace(
        topic=RAW_FRAMES.name,
        partition=0,
        offset=offset,
        key=b"gw",
        value=payload,
        headers=frame.headers(),
        timestamp=1,
    )
