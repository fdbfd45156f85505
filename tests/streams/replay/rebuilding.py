"""Rebuilds of some days from records in memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from history.archive import Placed
from history.spans import Span
from history.sqlite import SqliteHistory
from schemas.aggregate import WIDTHS, Aggregate
from schemas.codec import encode
from schemas.delivery import Delivery
from schemas.reading import Reading
from schemas.registry import Registry
from streams.replay.days import Days
from streams.replay.rebuild import Outcome, fold_log, replace_days
from streams.replay.staging import Staging
from tests.streams.replay.logs import (
    D0,
    DAY,
    ENCRYPTED,
    HOUR,
    SENSORS,
    ListSource,
    log,
    packets,
)

THREE_DAYS = log((each.frame() for each in packets(D0, D0 + 3 * DAY)), D0, D0 + 3 * DAY + 2 * HOUR)
SECOND_DAY = Days(D0 + DAY, D0 + 2 * DAY)


async def replay(
    history: SqliteHistory,
    records: list[Placed],
    days: Days = SECOND_DAY,
    *,
    cut: Iterable[int] = (),
    missing: Sequence[Span] = (),
    keys: dict[str, bytes] | None = None,
    sensor: str | None = None,
    write: bool = True,
    registry: Registry | None = None,
) -> list[Outcome]:
    with staged(history, days) as staging:
        records = [each for each in records if days.read_from <= each.received_at < days.read_to]
        source = ListSource(records, cut=cut, missing=missing)
        read = await fold_log(source, days, staging, keys=keys or {}, registry=registry or Registry(), sensor=sensor)
        return [each async for each in replace_days(staging, read, days, history, sensor=sensor, write=write)]


@contextmanager
def staged(history: SqliteHistory, days: Days) -> Iterator[Staging]:
    staging = Staging(history._database.path.parent, days)
    try:
        yield staging
    finally:
        staging.close()


async def export(history: SqliteHistory) -> bytes:
    """All that the store holds, as bytes."""
    found: list[Reading | Aggregate | Delivery] = []
    for sensor in (*SENSORS, ENCRYPTED):
        found += [each async for each in history.readings(sensor, 0, 2**62)]
        for width in WIDTHS:
            found += [each async for each in history.aggregates(sensor, width, 0, 2**62)]
        found += await history.deliveries(sensor, 0, 2**62)
    return b"\n".join(encode(each) for each in found)


async def readings_of(history: SqliteHistory, sensor: str = SENSORS[0]) -> list[Reading]:
    return [each async for each in history.readings(sensor, 0, 2**62)]


async def windows_of(history: SqliteHistory) -> list[tuple[Any, ...]]:
    return [
        (each.key, each.count, each.mean, each.final)
        for width in WIDTHS
        async for each in history.aggregates(SENSORS[0], width, *SECOND_DAY)
    ]
