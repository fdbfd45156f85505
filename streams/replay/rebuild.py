"""THE PICTURE of a rebuild: a source's records -> fold -> staging -> each sensor's day into the history."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple, TypeVar

import msgspec

from history.store import DAY_MS, HistoryRebuilder, RebuiltDay
from schemas.aggregate import DAY, Aggregate
from schemas.codec import encode
from schemas.delivery import Delivery
from schemas.registry import Registry
from streams.handover import CLOSES_AFTER_MS, closes_at
from streams.replay.coverage import Coverage
from streams.replay.days import Days
from streams.replay.fold import Fold
from streams.replay.source import Progress, Source
from streams.replay.staging import SensorAndDay, Staging

_TELL_EVERY = 500  # records

_Window = TypeVar("_Window", Aggregate, Delivery)


class Read(NamedTuple):
    """What became of the log: records folded, seconds it took, dead letters by reason, how far the stream came."""

    records: int
    seconds: float
    buried: Counter[str]
    watermark: int
    coverage: Coverage


class Outcome(NamedTuple):
    """A sensor's day: readings held and rebuilt, aggregates rebuilt, `digest` of all that is rebuilt.

    `refused`: why it was left as it is, else None.
    """

    sensor: str
    day: int
    held: int
    readings: int
    aggregates: int
    digest: str
    refused: str | None


async def fold_log(
    source: Source,
    days: Days,
    staging: Staging,
    *,
    keys: Mapping[str, bytes],
    registry: Registry,
    sensor: str | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Read:
    """Fold what the source gives and stage what falls on the days. Raises what the source raises, StoreUnavailable."""
    began, count = time.monotonic(), 0
    fold = Fold(
        staging.put, partitions=source.partitions, away=source.away, keys=keys, registry=registry, sensor=sensor
    )
    coverage = Coverage(days.read_from, source.cut, source.by_offset, source.missing)
    async for placed in source.records():
        coverage.saw(placed)
        fold.take(placed)
        count += 1
        if count % _TELL_EVERY == 0:
            tell(Progress(count, source.total, placed.received_at))
    fold.finish()
    return Read(count, time.monotonic() - began, fold.buried, fold.watermark, coverage)


async def replace_days(
    staging: Staging, read: Read, days: Days, history: HistoryRebuilder, *, sensor: str | None, write: bool
) -> AsyncIterator[Outcome]:
    """Put what is staged into the history, one sensor's day after the other; unless `write`, only say what would be.

    A day of which the log gives nothing, though the history holds some, is refused: its frames are gone, or the bind
    key is. Raises StoreUnavailable, ReadingRejected.
    """
    known = [reading.sensor for reading in await history.newest() if sensor in (None, reading.sensor)]
    every = {SensorAndDay(each, day) for each in known for day in range(days.start, days.end, DAY_MS)}
    for each in sorted({*every, *staging.sensor_days()}, key=lambda found: (found.day, found.sensor)):
        rebuilt = _rebuilt(staging, read, each)
        refused, held = await _judge(rebuilt, read, history)
        if not (held or refused or rebuilt.readings or rebuilt.aggregates):
            continue
        if write and refused is None:
            await history.replace(rebuilt)
        count = len(rebuilt.readings), len(rebuilt.aggregates)
        yield Outcome(*each, held, *count, _digest(rebuilt), refused)


def _rebuilt(staging: Staging, read: Read, each: SensorAndDay) -> RebuiltDay:
    return RebuiltDay(
        each.sensor,
        each.day,
        each.day + DAY_MS,
        staging.readings_of(*each),
        [_revised(aggregate) for aggregate in staging.aggregates_of(*each)],
        read.coverage.has_read,
        read.watermark - CLOSES_AFTER_MS,
        [_revised(delivery) for delivery in staging.deliveries_of(*each)],
    )


def _revised(window: _Window) -> _Window:
    """With a revision that does not tell where the rebuild began.

    A state's revision begins at the clock and grows by the record, so it stays behind the clock: a final window's
    stands above all that the live worker said of it, and an open one's below.
    """
    return msgspec.structs.replace(window, revision=closes_at(window) if window.final else 1)


async def _judge(rebuilt: RebuiltDay, read: Read, history: HistoryRebuilder) -> tuple[str | None, int]:
    """Why the day must stay as it is, None if it need not; and how many readings are held of it."""
    held = lacking = 0
    async for reading in history.readings(rebuilt.sensor, rebuilt.start, rebuilt.end):
        held += 1
        lacking += read.coverage.lacks(reading)
    if not read.coverage.knows(rebuilt.start):
        return "the log does not go back to the midnight before it", held
    if lacking:
        return f"the log does not have the frames of {lacking} of the {held} readings that are held", held
    if held and read.coverage.lost(rebuilt.start):
        return "records that it needs arrived and are not in the log", held
    if held and not rebuilt.readings:
        return f"the log gives nothing of it, and {held} readings are held; is its bind key there?", held
    if not held and await _has_aggregates(rebuilt, history) and not rebuilt.aggregates:
        return "the log gives nothing of it, and aggregates are held", held
    return None, held


async def _has_aggregates(rebuilt: RebuiltDay, history: HistoryRebuilder) -> bool:
    async for _ in history.aggregates(rebuilt.sensor, DAY, rebuilt.start, rebuilt.end):
        return True
    return False


def _digest(rebuilt: RebuiltDay) -> str:
    digest = blake2b(digest_size=16)
    for record in (*rebuilt.readings, *rebuilt.aggregates, *rebuilt.deliveries):
        digest.update(encode(record) + b"\n")
    return digest.hexdigest()
