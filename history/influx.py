"""The history in InfluxDB: readings and deliveries in one bucket, aggregates in one more for each width.

Both sides in one room.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from history.influx_server import InfluxServer, Series
from history.points import (
    AGGREGATE_FIELDS,
    DELIVERY,
    READING,
    aggregate_of,
    aggregate_point,
    delivery_point,
    nanoseconds,
    reading_points,
)
from history.store import RebuiltDay, StoreUnavailable
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, Aggregate
from schemas.codec import decode_delivery, decode_reading
from schemas.delivery import Delivery
from schemas.reading import RESTORED, Reading
from schemas.registry import Registry

PAGE = 2000  # readings, or windows; some MB
SUFFIXES = {FIVE_MINUTES: "_5m", HOUR: "_1h", DAY: "_1d"}

_COPIES_WITHIN_MS = 30_000
_RECORDS = f'SELECT "record" FROM "{READING}"'  # noqa: S608 - a constant
_STORED = f'SELECT count("record") FROM "{READING}"'  # noqa: S608 - a constant
_DELIVERIES = f'SELECT "record" FROM "{DELIVERY}"'  # noqa: S608 - a constant
_ROWS = "SELECT " + ", ".join(f'"{name}"' for name in AGGREGATE_FIELDS) + " FROM /.*/"  # noqa: S608 - a constant
_HEADS = 'SELECT "count" FROM /.*/'


_Keyed = TypeVar("_Keyed", Aggregate, Delivery)


def bucket_of(bucket: str, width: int) -> str:
    """The bucket of the aggregates of `width` seconds, beside `bucket` of the readings."""
    return bucket + SUFFIXES[width]


class InfluxHistory:
    """HistoryWriter and HistoryReader on one server.

    InfluxDB overwrites a point without looking: between batches the last write wins. `registry` gives what is known of
    the sensors now, asked once a batch; a place that is changed for a time in the past makes a second series of what
    is written again, while what we read back has no place in it and stays single.
    """

    def __init__(
        self, server: InfluxServer, bucket: str, *, registry: Callable[[], Registry] = Registry, page: int = PAGE
    ) -> None:
        self._server = server
        self._bucket = bucket
        self._registry = registry
        self._page = page

    async def write(self, readings: Sequence[Reading]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected.

        A rejected batch may be there in part, and so may one whose write broke off: written again, it is whole.
        """
        registry = self._registry()
        newest: dict[tuple[str, int], Reading] = {}
        for reading in await self._without_held(readings):
            identity = (reading.sensor, reading.measured_at)
            if identity not in newest or newest[identity].at <= reading.at:
                newest[identity] = reading
        lines: list[str] = []
        for reading in newest.values():
            lines += reading_points(reading, registry.location(reading.sensor, reading.measured_at))
        await self._server.write(self._bucket, lines)

    async def write_aggregates(self, aggregates: Sequence[Aggregate]) -> None:
        """Return once all of them are durable; as `write`."""
        registry = self._registry()
        by_width: defaultdict[int, list[str]] = defaultdict(list)
        for aggregate in _highest(aggregates):
            location = registry.location(aggregate.sensor, aggregate.start)
            by_width[aggregate.width].append(aggregate_point(aggregate, location))
        for width, lines in by_width.items():
            await self._server.write(bucket_of(self._bucket, width), lines)

    async def write_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Return once all of them are durable; as `write`."""
        registry = self._registry()
        lines = [delivery_point(one, registry.location(one.sensor, one.start)) for one in _highest(deliveries)]
        await self._server.write(self._bucket, lines)

    async def take_over_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """As `write_deliveries`."""
        await self.write_deliveries(deliveries)

    async def take_over(self, sensor: str, aggregates: Sequence[Aggregate], since: int) -> None:
        """As `write_aggregates`: what comes next overwrites what is held, whatever its revision."""
        await self.write_aggregates(aggregates)

    async def replace(self, day: RebuiltDay) -> None:
        """Put the rebuild of a sensor's day in the place of what is held: what differs is deleted, then all is written.

        Raises StoreUnavailable or ReadingRejected; done again, it is whole.
        """
        wanted = {reading.measured_at: reading for reading in day.readings}
        stale, stays = [], set[int]()
        async for held in self.readings(day.sensor, day.start, day.end):
            if not day.has_read(held):
                stays.add(held.measured_at)
            elif wanted.get(held.measured_at) != held:
                stale.append(held.measured_at)
        hours = await self.deliveries(day.sensor, day.start, day.end)
        # by spans, as a delete is slow; what lies between and is to stay is in none, the rest is written again
        for first, last in _spans(stale, stays):
            await self._server.delete(self._bucket, day.sensor, first, last)
        await self.write([reading for reading in day.readings if reading.measured_at not in stays])
        await self._replace_deliveries(day, hours)
        await self._replace_aggregates(day)

    async def _replace_deliveries(self, day: RebuiltDay, held: Sequence[Delivery]) -> None:
        """`held` before the readings' spans were deleted, and what lay in them."""
        wanted = {one.key: one for one in day.deliveries}
        stale = [one.start for one in held if day.closes(one) and wanted.get(one.key) != one]
        for first, last in _spans(stale, ()):
            await self._server.delete(self._bucket, day.sensor, first, last, measurement=DELIVERY)
        await self.write_deliveries([*(wanted | {one.key: one for one in held if not day.closes(one)}).values()])

    async def _replace_aggregates(self, day: RebuiltDay) -> None:
        missing = {aggregate.key: aggregate for aggregate in day.aggregates}
        for width in SUFFIXES:
            stale = []
            async for held in self.aggregates(day.sensor, width, day.start, day.end):
                if not day.closes(held):
                    missing.pop(held.key, None)
                elif missing.get(held.key) != held:
                    stale.append(held.start)
            for first, last in _spans(stale, ()):
                await self._server.delete(bucket_of(self._bucket, width), day.sensor, first, last)
        await self.write_aggregates(list(missing.values()))

    async def prune(self, now: int, *, most: int = 1000) -> int:
        """Nothing: the buckets have their retention from whoever made them."""
        return 0

    async def check(self, *, aggregates: bool) -> None:
        """Return if the bucket, or those of the `aggregates`, are there. Raises StoreUnavailable."""
        wanted = [bucket_of(self._bucket, width) for width in SUFFIXES] if aggregates else [self._bucket]
        present = await self._server.buckets()
        for bucket in wanted:
            if bucket not in present:
                raise StoreUnavailable(self._server.lacks(bucket))

    async def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        """A sensor's readings with start <= measured_at < end (unix milliseconds), oldest first.

        Raises StoreUnavailable. Each page is a query of its own: a slow reader holds one page in memory, here, and
        nothing at the server.
        """
        while True:
            page = await self._records(f"{_where(sensor, start, end)} ORDER BY time LIMIT {self._page}")
            for reading in page:
                yield reading
            if len(page) < self._page:
                return
            start = page[-1].measured_at + 1

    async def aggregates(self, sensor: str, width: int, start: int, end: int) -> AsyncIterator[Aggregate]:
        """A sensor's aggregates of `width` seconds with start <= their start < end (unix milliseconds).

        By start, quantity and index. Raises StoreUnavailable. Pages are spans of time, since LIMIT counts in each
        quantity apart; a gap is leapt over.
        """
        bucket = bucket_of(self._bucket, width)
        while True:
            where = _where(sensor, start, end)
            heads = await self._server.query(bucket, f"{_HEADS} {where} ORDER BY time LIMIT 1")
            begin = min((row[0] for series in heads for row in series.values), default=None)
            if begin is None:
                return
            start = begin + self._page * width * SECOND
            where = _where(sensor, begin, min(start, end))
            rows = await self._server.query(bucket, f"{_ROWS} {where} GROUP BY *")
            # two of one key: its place was changed in between
            for aggregate in sorted(_highest(_aggregates(rows, width)), key=lambda a: (a.start, a.quantity, a.index)):
                yield aggregate

    async def deliveries(self, sensor: str, start: int, end: int) -> Sequence[Delivery]:
        """A sensor's hours with start <= their start < end (unix milliseconds). Raises StoreUnavailable."""
        rows = await self._server.query(self._bucket, f"{_DELIVERIES} {_where(sensor, start, end)}")
        # two of one key: its place was changed in between
        found = _highest(decode_delivery(row[1]) for series in rows for row in series.values)
        return sorted(found, key=lambda one: one.start)

    async def stored(self, sensor: str, start: int, end: int) -> Mapping[int, int]:
        """How many readings are held of each hour, by its start (unix milliseconds). Raises StoreUnavailable."""
        where = f"{_where(sensor, start, end)} GROUP BY time(1h) fill(none)"
        found = await self._server.query(self._bucket, f"{_STORED} {where}")
        return {row[0]: row[1] for series in found for row in series.values}

    async def newest(self) -> Sequence[Reading]:
        """The newest reading of every sensor that the store knows. Raises StoreUnavailable."""
        return await self._records("GROUP BY sensor_id ORDER BY time DESC LIMIT 1")

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _records(self, clauses: str) -> list[Reading]:
        found = await self._server.query(self._bucket, f"{_RECORDS} {clauses}")
        return [decode_reading(row[1]) for series in found for row in series.values]

    async def _without_held(self, readings: Sequence[Reading]) -> list[Reading]:
        """Leave out what was made again from the archive and is there already, by the copy of another gateway.

        Its identity is the time of the first copy, and which copy is folded first may change in a rebuild.
        """
        restored: defaultdict[str, list[int]] = defaultdict(list)
        for reading in readings:
            if RESTORED in reading.flags:
                restored[reading.sensor].append(reading.measured_at)
        held = {
            sensor: [
                other
                async for other in self.readings(sensor, min(times) - _COPIES_WITHIN_MS, max(times) + _COPIES_WITHIN_MS)
            ]
            for sensor, times in restored.items()
        }
        return [
            reading
            for reading in readings
            if RESTORED not in reading.flags or not any(_is_copy(reading, other) for other in held[reading.sensor])
        ]


def _spans(times: Iterable[int], stays: Collection[int]) -> list[tuple[int, int]]:
    """First and last of each run of `times` with none of `stays` between."""
    spans: list[tuple[int, int]] = []
    run: list[int] = []
    for time in sorted({*times, *stays}):
        if time in stays:
            spans += [(run[0], run[-1])] if run else []
            run = []
        else:
            run.append(time)
    return spans + ([(run[0], run[-1])] if run else [])


def _is_copy(reading: Reading, other: Reading) -> bool:
    same = (reading.packet_id, reading.counter) == (other.packet_id, other.counter)
    return same and abs(reading.measured_at - other.measured_at) <= _COPIES_WITHIN_MS


def _highest(records: Iterable[_Keyed]) -> list[_Keyed]:
    """Of each key the one of the highest revision."""
    highest: dict[bytes, _Keyed] = {}
    for record in records:
        held = highest.get(record.key)
        if held is None or held.revision < record.revision:
            highest[record.key] = record
    return list(highest.values())


def _aggregates(found: Sequence[Series], width: int) -> Iterable[Aggregate]:
    for series in found:
        for row in series.values:
            fields = dict(zip(series.columns, row, strict=True))
            yield aggregate_of(series.name, series.tags, width, fields.pop("time"), fields)


def _where(sensor: str, start: int, end: int) -> str:
    quoted = sensor.replace("\\", r"\\").replace("'", r"\'")
    return f"WHERE sensor_id = '{quoted}' AND time >= {nanoseconds(start)} AND time < {nanoseconds(end)}"
