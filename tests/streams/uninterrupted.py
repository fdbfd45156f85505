"""What the streams would have come to without a fault: the same logs in one pass, and how the two are compared."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from faust.types import TP

from schemas.codec import (
    decode_advertisement,
    decode_aggregate,
    decode_clock,
    decode_delivery,
    decode_latest,
    decode_reading,
)
from schemas.dead_letter import dead_letter_facts
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    CLOCK,
    DEAD_LETTERS,
    DELIVERIES,
    FRESHNESS,
    GATEWAYS,
    LATEST,
    READINGS,
)
from streams import log_position, state_codec, watermark
from streams.decode import DecodeStage
from streams.engine import States
from streams.gateways import state as gateway_state
from streams.track import TrackStage
from tests.streams.lives import CHANGELOG, Broker

Facts = dict[str, Any]


def firsts(records: Iterable[Any]) -> list[Any]:
    """A log of advertisements without what a redelivery wrote again; what cannot be read stays."""
    seen = set()
    kept = []
    for record in records:
        identity = _identity(record)
        if identity not in seen:
            seen.add(identity)
            kept.append(record)
    return kept


def _identity(record: Any) -> Any:
    try:
        read = decode_advertisement(record.value)
    except msgspec.MsgspecError:
        return record.offset
    return type(read), read.at  # a tick has the place of the packets that it lets go on


def track(stage: TrackStage, broker: Broker, partition: int) -> dict[bytes, bytes]:
    """Fold the log in one batch, write what comes of it, and give the states."""
    records = firsts(broker.logs[TP(ADVERTISEMENTS.name, partition)])
    work = stage.fold(records, {}, partition)
    for output in work.outputs:
        broker.write(output)
    return {key: value for key, value in work.changed.items() if value is not None}


def decode(stage: DecodeStage, broker: Broker, story: Iterable[Any], partition: int) -> dict[bytes, bytes]:
    """Fold what was read of a raw partition: records, and between them the offset where an epoch began."""
    states: States = {}
    changed: dict[bytes, bytes | None] = {}
    batch: list[Any] = []

    def fold() -> None:
        if batch:
            work = stage.fold(batch, states, partition)
            changed.update(work.changed)
            for output in work.outputs:
                broker.write(output)
            batch.clear()

    for each in story:
        if isinstance(each, int):
            fold()
            stage.begin_epoch(states, each)
        else:
            batch.append(each)
    fold()
    return {key: value for key, value in changed.items() if value is not None}


def states(broker: Broker, name: str, partition: int) -> dict[bytes, bytes]:
    """What a worker would recover of a stage."""
    return dict(broker.recover(name + CHANGELOG, partition).states(partition))


def stored_again(name: str, key: bytes, value: bytes, raw_partitions: int) -> bytes:
    """A state read and written, of whatever kind."""
    if key == watermark.KEY:
        return watermark.Watermark.load(value, raw_partitions).dump()
    if key == log_position.KEY:
        return log_position.LogPosition.load(value).dump()
    if key.startswith(gateway_state.KEY_PREFIX):
        return gateway_state.dump(gateway_state.load(value, key))
    return state_codec.dump(state_codec.load(value))


def readings(broker: Broker) -> dict[Any, bytes]:
    """By raw coordinate. A repeated one is the first, bit for bit."""
    return _by(broker, READINGS.name, lambda value: decode_reading(value).at)


def forwarded(broker: Broker) -> dict[tuple[int, int], list[bytes]]:
    """(partition, raw partition) -> what decode wrote, in order, each once."""
    found = defaultdict(list)
    for partition in {place.partition for place in broker.logs if place.topic == ADVERTISEMENTS.name}:
        for record in firsts(broker.logs[TP(ADVERTISEMENTS.name, partition)]):
            found[partition, decode_advertisement(record.value).at.partition].append(record.value)
    return dict(found)


def facts(broker: Broker) -> Facts:
    """What readers hold in the end; what may come twice counts once."""
    aggregates = _by(broker, AGGREGATES.name, _aggregate)
    latest = _by(broker, LATEST.name, _latest)
    clocks = [decode_clock(record.value) for record in broker.read(CLOCK.name)]
    return {
        "readings": readings(broker),
        "transitions": {record.value for record in broker.read(FRESHNESS.name)},
        "aggregates": _newest(aggregates),
        "deliveries": _newest(_by(broker, DELIVERIES.name, _delivery)),
        # it is written once a batch: only what is told of readings does not hang on where a batch ends
        "latest": {
            sensor: (last.measured_at, last.readings, last.values)
            for sensor, last in ((key, decode_latest(value)) for key, value in _newest(latest).items())
        },
        "clock": {
            place: max(c.watermark for c in clocks if c.partition == place) for place in {c.partition for c in clocks}
        },
        "gateways": {(record.key, record.value) for record in broker.read(GATEWAYS.name)},
        "dead letters": {
            (record.value, dead_letter_facts(record.headers)["reason"]) for record in broker.read(DEAD_LETTERS.name)
        },
    }


def _aggregate(value: bytes) -> tuple[bytes, int]:
    aggregate = decode_aggregate(value)
    return aggregate.key, aggregate.revision


def _delivery(value: bytes) -> tuple[bytes, int]:
    delivery = decode_delivery(value)
    return delivery.key, delivery.revision


def _latest(value: bytes) -> tuple[str, int]:
    latest = decode_latest(value)
    return latest.sensor, latest.revision


def _by(broker: Broker, topic: str, identity: Any) -> dict[Any, bytes]:
    found: dict[Any, bytes] = {}
    for record in broker.read(topic):
        assert found.setdefault(identity(record.value), record.value) == record.value, f"{topic} repeats another word"
    return found


def _newest(found: Mapping[tuple[Any, int], bytes]) -> dict[Any, bytes]:
    return {key: value for (key, _), value in sorted(found.items(), key=lambda item: item[0][1])}
