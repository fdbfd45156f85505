"""What a rebuild gives, by sensor and UTC day, in a SQLite file of its own: a month of it need not fit into memory."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from history.store import StoreUnavailable
from schemas.advertisement import Coordinate
from schemas.aggregate import Aggregate
from schemas.codec import decode_aggregate, decode_delivery, decode_reading, encode
from schemas.delivery import Delivery
from schemas.reading import Reading
from streams.replay.days import Days, day_of

_TABLES = """
    CREATE TABLE reading (
        sensor TEXT, day INTEGER, measured_at INTEGER, rank BLOB, record BLOB, PRIMARY KEY (sensor, day, measured_at)
    ) WITHOUT ROWID;
    CREATE TABLE aggregate (
        sensor TEXT, day INTEGER, width INTEGER, start INTEGER, quantity TEXT, instance INTEGER, record BLOB,
        PRIMARY KEY (sensor, day, width, start, quantity, instance)
    ) WITHOUT ROWID;
    CREATE TABLE delivery (
        sensor TEXT, day INTEGER, start INTEGER, record BLOB, PRIMARY KEY (sensor, day, start)
    ) WITHOUT ROWID;
"""
_READING = """
    INSERT INTO reading VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET rank = excluded.rank, record = excluded.record WHERE excluded.rank >= rank
"""
_AGGREGATE = "INSERT OR REPLACE INTO aggregate VALUES (?, ?, ?, ?, ?, ?, ?)"
_DELIVERY = "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?)"
_DAYS = "SELECT sensor, day FROM reading UNION SELECT sensor, day FROM aggregate ORDER BY day, sensor"


class SensorAndDay(NamedTuple):
    """A UTC day by its midnight in unix milliseconds."""

    sensor: str
    day: int


class Staging:
    """Holds what falls on `days`. The file has no name from its making on, so that nothing is left of it after a kill.

    Of two readings with one identity the higher raw coordinate is kept, of an aggregate or a delivery the last. Each
    method raises StoreUnavailable if the disk is full.
    """

    def __init__(self, folder: Path, days: Days) -> None:
        self._days, self._folder = days, folder
        try:
            file, name = tempfile.mkstemp(prefix="replay-", suffix=".sqlite", dir=folder)
            os.close(file)
            self._connection = sqlite3.connect(name, isolation_level=None)
            # not worth a sync: after a crash it is made anew
            self._connection.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES}")
            Path(name).unlink()
            self._connection.execute("BEGIN")
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"no temporary file in {folder}: {error}") from error
        self.readings = 0

    def put(self, record: Reading | Aggregate | Delivery) -> None:
        """Keep a record, if it falls on one of the days."""
        try:
            if isinstance(record, Reading):
                self._put_reading(record)
            elif record.start not in self._days:
                return
            elif isinstance(record, Delivery):
                d = record
                self._connection.execute(_DELIVERY, (d.sensor, day_of(d.start), d.start, encode(d)))
            else:
                a = record
                row = (a.sensor, day_of(a.start), a.width, a.start, a.quantity, a.index, encode(a))
                self._connection.execute(_AGGREGATE, row)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"temporary file in {self._folder}: {error}") from error

    def sensor_days(self) -> list[SensorAndDay]:
        """What was staged, by day and sensor."""
        return [SensorAndDay(*row) for row in self._connection.execute(_DAYS)]

    def readings_of(self, sensor: str, day: int) -> list[Reading]:
        """By measured time."""
        return [decode_reading(record) for record in self._records("reading", "measured_at", sensor, day)]

    def aggregates_of(self, sensor: str, day: int) -> list[Aggregate]:
        """By width, start, quantity and index."""
        found = self._records("aggregate", "width, start, quantity, instance", sensor, day)
        return [decode_aggregate(record) for record in found]

    def deliveries_of(self, sensor: str, day: int) -> list[Delivery]:
        """By start."""
        return [decode_delivery(record) for record in self._records("delivery", "start", sensor, day)]

    def close(self) -> None:
        """The file is gone with it."""
        self._connection.close()

    def _put_reading(self, reading: Reading) -> None:
        if reading.measured_at in self._days:
            self.readings += 1
            day = day_of(reading.measured_at)
            row = (reading.sensor, day, reading.measured_at, _rank(reading.at), encode(reading))
            self._connection.execute(_READING, row)

    def _records(self, table: str, order: str, sensor: str, day: int) -> Iterator[bytes]:
        sql = f"SELECT record FROM {table} WHERE sensor = ? AND day = ? ORDER BY {order}"  # noqa: S608 - constants
        return (row[0] for row in self._connection.execute(sql, (sensor, day)))


def _rank(at: Coordinate) -> bytes:
    """The coordinate as bytes that sort as it does."""
    return b"".join(number.to_bytes(8, "big") for number in (at.epoch, at.partition, at.offset, at.index))
