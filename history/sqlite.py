"""The history in one SQLite file. Writing and reading side in one room, because the row layout is theirs alone."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from history import sqlite_aggregates, sqlite_deliveries
from history.database import Database, Schema, int64
from history.store import ReadingRejected, RebuiltDay, Retention
from schemas.advertisement import Coordinate
from schemas.aggregate import Aggregate
from schemas.delivery import Delivery
from schemas.reading import RESTORED, Reading

# A row is small because what repeats is written once: sensor and source are numbers, received_at is the distance to
# measured_at, an H&T's three quantities are columns of their own and only what else a packet said is JSON, in `rest`.
# These columns have no type, so that 22 comes back as 22 and 22.0 as 22.0.
SCHEMA = Schema(
    version=4,
    tables="""
    CREATE TABLE IF NOT EXISTS sensor (id INTEGER PRIMARY KEY, mac TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS source (
        id INTEGER PRIMARY KEY,
        gateway TEXT NOT NULL, format TEXT NOT NULL, time_source TEXT NOT NULL, flags TEXT NOT NULL,
        UNIQUE (gateway, format, time_source, flags)
    );
    CREATE TABLE IF NOT EXISTS reading (
        sensor INTEGER NOT NULL, measured_at INTEGER NOT NULL,
        raw_epoch INTEGER NOT NULL, raw_partition INTEGER NOT NULL,
        raw_offset INTEGER NOT NULL, raw_index INTEGER NOT NULL,
        source INTEGER NOT NULL, delay INTEGER NOT NULL,
        rssi INTEGER, packet_id INTEGER, counter INTEGER,
        temperature, humidity, battery, rest TEXT, measured TEXT,
        PRIMARY KEY (sensor, measured_at)
    ) WITHOUT ROWID;
    """
    + sqlite_aggregates.TABLE
    + sqlite_deliveries.TABLE,
    added={("reading", "measured"): "TEXT"},
)
_MEASURED_SINCE = 4  # the schema version that brought what was said of corrected values
QUANTITIES = ("temperature", "humidity", "battery")
PAGE = 2000  # readings; some 10 ms and 2 MB

_ADD_SENSOR = "INSERT OR IGNORE INTO sensor (mac) VALUES (?)"
_ADD_SOURCE = "INSERT OR IGNORE INTO source (gateway, format, time_source, flags) VALUES (?, ?, ?, ?)"
# At an equal coordinate the later one wins: a rebuild with a better decoder may correct a row.
_UPSERT = """
    INSERT INTO reading VALUES (
        (SELECT id FROM sensor WHERE mac = ?), ?, ?, ?, ?, ?,
        (SELECT id FROM source WHERE gateway = ? AND format = ? AND time_source = ? AND flags = ?),
        ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (sensor, measured_at) DO UPDATE SET
        raw_epoch = excluded.raw_epoch, raw_partition = excluded.raw_partition,
        raw_offset = excluded.raw_offset, raw_index = excluded.raw_index,
        source = excluded.source, delay = excluded.delay,
        rssi = excluded.rssi, packet_id = excluded.packet_id, counter = excluded.counter,
        temperature = excluded.temperature, humidity = excluded.humidity, battery = excluded.battery,
        rest = excluded.rest, measured = excluded.measured
    WHERE (excluded.raw_epoch, excluded.raw_partition, excluded.raw_offset, excluded.raw_index)
       >= (raw_epoch, raw_partition, raw_offset, raw_index)
"""
_COPIES_WITHIN_MS = 30_000
_HELD = """
    SELECT 1 FROM reading WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND measured_at BETWEEN ? AND ?
    AND packet_id IS ? AND counter IS ? LIMIT 1
"""
_SELECT = """
    SELECT mac, measured_at, raw_epoch, raw_partition, raw_offset, raw_index, gateway, format, time_source, flags,
           delay, rssi, packet_id, counter, temperature, humidity, battery, rest, measured
    FROM sensor CROSS JOIN reading ON reading.sensor = sensor.id JOIN source ON source.id = reading.source
"""
_DELETE = "DELETE FROM reading WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND measured_at = ?"
_RANGE = _SELECT + "WHERE mac = ? AND measured_at >= ? AND measured_at < ? ORDER BY measured_at LIMIT ?"
# One step down the primary key for each sensor, however many rows it has.
_NEWEST = (
    _SELECT + "WHERE measured_at = (SELECT max(r.measured_at) FROM reading r WHERE r.sensor = sensor.id)"  # noqa: S608 - a constant
)

# A step down the primary key for each sensor here too.
_PRUNE = """
    DELETE FROM reading WHERE (sensor, measured_at) IN (
        SELECT old.sensor, old.measured_at FROM sensor CROSS JOIN reading AS old
        WHERE old.sensor = sensor.id AND old.measured_at < ? LIMIT ?)
"""

_encode_json = msgspec.json.Encoder().encode
_decode_flags = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_rest = msgspec.json.Decoder(dict[str, Any]).decode


class SqliteHistory:
    """HistoryWriter and HistoryReader on one file; a process that only reads never opens it for writing.

    A reading at an equal or higher raw coordinate replaces the stored one of its identity, a lower one does not; so
    with aggregates and their revisions.
    """

    def __init__(
        self, path: Path, *, retention: Retention | None = None, busy_timeout: float = 2.0, page: int = PAGE
    ) -> None:
        self._database = Database(path, SCHEMA, busy_timeout=busy_timeout)
        self._retention = retention or Retention()
        self._page = page

    async def write(self, readings: Sequence[Reading]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none is stored."""

        def work(connection: sqlite3.Connection) -> None:
            _upsert(connection, [_row(reading) for reading in readings if not _is_held(connection, reading)])

        await self._database.write(work)

    async def write_aggregates(self, aggregates: Sequence[Aggregate]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none is stored."""
        rows = [sqlite_aggregates.row(aggregate) for aggregate in aggregates]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_ADD_SENSOR, {(row[0],) for row in rows})
            connection.executemany(sqlite_aggregates.UPSERT, rows)

        await self._database.write(work)

    async def take_over(self, sensor: str, aggregates: Sequence[Aggregate], since: int) -> None:
        """Put a sensor's windows of another generation in the place of what is held, in one transaction.

        Raises StoreUnavailable or ReadingRejected; then all is as it was.
        """
        rows = [sqlite_aggregates.row(aggregate) for aggregate in aggregates]

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_ADD_SENSOR, (sensor,))
            connection.execute(sqlite_aggregates.DELETE_OPEN, (sensor, int64(since)))
            connection.executemany(sqlite_aggregates.TAKE_OVER, rows)

        await self._database.write(work)

    async def write_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none is stored."""
        await self._put_deliveries(sqlite_deliveries.UPSERT, deliveries)

    async def take_over_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Put hours of another generation in the place of what is held, in one transaction; no open for a final one.

        Raises StoreUnavailable or ReadingRejected; then all is as it was.
        """
        await self._put_deliveries(sqlite_deliveries.TAKE_OVER, deliveries)

    async def _put_deliveries(self, sql: str, deliveries: Sequence[Delivery]) -> None:
        rows = [sqlite_deliveries.row(delivery) for delivery in deliveries]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_ADD_SENSOR, {(row[0],) for row in rows})
            connection.executemany(sql, rows)

        await self._database.write(work)

    async def prune(self, now: int, *, most: int = 1000) -> int:
        """Delete up to `most` readings, deliveries and 5-minute aggregates each that are too old; says how many.

        Small steps, because nothing is written meanwhile. Raises StoreUnavailable.
        """
        readings, five_minutes = self._retention.readings_before(now), self._retention.five_minutes_before(now)

        def work(connection: sqlite3.Connection) -> int:
            # deliveries first: none may be there whose readings are gone
            deleted = connection.execute(sqlite_deliveries.PRUNE, (readings, most)).rowcount
            deleted += connection.execute(_PRUNE, (readings, most)).rowcount
            return deleted + connection.execute(sqlite_aggregates.PRUNE, (five_minutes, most)).rowcount

        return await self._database.write(work)

    async def replace(self, day: RebuiltDay) -> None:
        """Put the rebuild of a sensor's day in the place of what is held, in one transaction.

        Raises StoreUnavailable or ReadingRejected; then all is as it was.
        """
        rows = [_row(reading) for reading in day.readings]
        aggregates = [sqlite_aggregates.row(aggregate) for aggregate in day.aggregates]
        deliveries = [sqlite_deliveries.row(delivery) for delivery in day.deliveries]
        where = (day.sensor, int64(day.start), int64(day.end))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_ADD_SENSOR, (day.sensor,))
            held = [_reading(row) for row in connection.execute(_RANGE, (*where, -1))]
            connection.executemany(_DELETE, [(day.sensor, each.measured_at) for each in held if day.has_read(each)])
            _upsert(connection, rows)
            connection.execute(sqlite_aggregates.DELETE_CLOSED, (*where, int64(day.closed)))
            connection.executemany(sqlite_aggregates.ADD, aggregates)
            connection.execute(sqlite_deliveries.DELETE_CLOSED, (*where, int64(day.closed)))
            connection.executemany(sqlite_deliveries.ADD, deliveries)

        await self._database.write(work)

    async def check(self, *, aggregates: bool) -> None:
        """Nothing to look for: the file and its tables are made by the first write."""

    async def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        """A sensor's readings with start <= measured_at < end (unix milliseconds), oldest first.

        Raises StoreUnavailable. Each page is a query of its own in another thread: a year's export holds one page in
        memory, the event loop goes on meanwhile, and no snapshot is held that would make the writer's log grow.
        """
        while True:
            page = await asyncio.to_thread(self._query, _RANGE, (sensor, int64(start), int64(end), self._page))
            for reading in page:
                yield reading
            if len(page) < self._page:
                return
            start = page[-1].measured_at + 1

    async def aggregates(self, sensor: str, width: int, start: int, end: int) -> AsyncIterator[Aggregate]:
        """A sensor's aggregates of `width` seconds with start <= their start < end (unix milliseconds).

        By start, quantity and index; in pages, as readings. Raises StoreUnavailable.
        """
        after = (int64(start), "", -1)
        while True:
            page = await asyncio.to_thread(self._aggregates, (sensor, width, int64(end), *after, self._page))
            for aggregate in page:
                yield aggregate
            if len(page) < self._page:
                return
            after = (page[-1].start, page[-1].quantity, page[-1].index)

    async def deliveries(self, sensor: str, start: int, end: int) -> Sequence[Delivery]:
        """A sensor's hours with start <= their start < end (unix milliseconds). Raises StoreUnavailable."""
        found = await asyncio.to_thread(self._rows, sqlite_deliveries.RANGE, (sensor, int64(start), int64(end)))
        return [sqlite_deliveries.delivery(row) for row in found]

    async def stored(self, sensor: str, start: int, end: int) -> Mapping[int, int]:
        """How many readings are held of each hour, by its start (unix milliseconds). Raises StoreUnavailable."""
        return dict(await asyncio.to_thread(self._rows, sqlite_deliveries.STORED, (sensor, int64(start), int64(end))))

    async def newest(self) -> Sequence[Reading]:
        """The newest reading of every sensor that the store knows. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._query, _NEWEST, ())

    async def close(self) -> None:
        """Release the store."""
        await self._database.close()

    def _query(self, sql: str, parameters: tuple[Any, ...]) -> list[Reading]:
        with self._database.read() as connection:
            if connection is None:
                return []
            if self._database.version(connection) < _MEASURED_SINCE:  # nobody has written since the update
                sql = sql.replace("rest, measured", "rest, NULL")
            return [_reading(row) for row in connection.execute(sql, parameters)]

    def _rows(self, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._database.read(since=sqlite_deliveries.SINCE) as connection:
            return connection.execute(sql, parameters).fetchall() if connection else []

    def _aggregates(self, parameters: tuple[Any, ...]) -> list[Aggregate]:
        with self._database.read(since=sqlite_aggregates.SINCE) as connection:
            rows = connection.execute(sqlite_aggregates.PAGE, parameters) if connection else ()
            return [sqlite_aggregates.aggregate(row) for row in rows]


def _upsert(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    connection.executemany(_ADD_SENSOR, {(row[0],) for row in rows})
    connection.executemany(_ADD_SOURCE, {row[6:10] for row in rows})
    connection.executemany(_UPSERT, rows)


def _is_held(connection: sqlite3.Connection, reading: Reading) -> bool:
    """Whether a reading that was made again from the archive is there already, by the copy of another gateway.

    Its identity is the time of the first copy, and which copy is folded first may change in a rebuild.
    """
    if RESTORED not in reading.flags:
        return False
    around = (reading.measured_at - _COPIES_WITHIN_MS, reading.measured_at + _COPIES_WITHIN_MS)
    return (
        connection.execute(_HELD, (reading.sensor, *around, reading.packet_id, reading.counter)).fetchone() is not None
    )


def _row(reading: Reading) -> tuple[Any, ...]:
    rest = dict(reading.values)
    columns = [rest.pop(name) if type(rest.get(name)) in (int, float) else None for name in QUANTITIES]
    if any(isinstance(value, float) and not math.isfinite(value) for value in columns):
        raise ReadingRejected(f"not a number: {reading.values}")  # SQLite would keep NULL, which means absent
    try:
        return (
            reading.sensor,
            reading.measured_at,
            *(reading.at.epoch, reading.at.partition, reading.at.offset, reading.at.index),
            *(reading.gateway, reading.format, reading.time_source, _encode_json(reading.flags).decode()),
            reading.received_at - reading.measured_at,
            *(reading.rssi, reading.packet_id, reading.counter),
            *columns,
            _encode_json(rest).decode() if rest else None,
            _encode_json(reading.measured).decode() if reading.measured else None,
        )
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ReadingRejected(f"{type(error).__name__}: {error}") from error


def _reading(row: tuple[Any, ...]) -> Reading:
    sensor, measured_at, epoch, partition, offset, index, gateway, format_, time_source, flags = row[:10]
    delay, rssi, packet_id, counter, *columns, rest, measured = row[10:]
    values = {name: value for name, value in zip(QUANTITIES, columns, strict=True) if value is not None}
    if rest is not None:
        values |= _decode_rest(rest)
    return Reading(
        sensor=sensor,
        measured_at=measured_at,
        received_at=measured_at + delay,
        time_source=time_source,
        gateway=gateway,
        values=values,
        format=format_,
        at=Coordinate(epoch, partition, offset, index),
        rssi=rssi,
        packet_id=packet_id,
        counter=counter,
        flags=_decode_flags(flags),
        measured={} if measured is None else _decode_rest(measured),
    )
