"""The archive: every raw record for as long as it is kept. Where the broker forgets, this is the log of record."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from history.database import Database, Schema, int64
from history.packing import pack, unpack
from schemas.frame import Headers

# The identity holds more than the offset: a broker that lost its tail hands the same offsets out again, to other
# records. It begins with the time, so that rows are appended in the order in which a replay reads them.
SCHEMA = Schema(
    version=1,
    tables="""
    CREATE TABLE IF NOT EXISTS record (
        received_at INTEGER NOT NULL, raw_partition INTEGER NOT NULL, raw_offset INTEGER NOT NULL,
        digest INTEGER NOT NULL, packed BLOB NOT NULL,
        PRIMARY KEY (received_at, raw_partition, raw_offset, digest)
    ) WITHOUT ROWID;
    """,
)
PAGE = 1000  # records; some 0.5 MB unpacked

_INSERT = "INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?)"
_PAGE = """
    SELECT {columns} FROM record
    WHERE (received_at, raw_partition, raw_offset, digest) > (?, ?, ?, ?) AND received_at < ?
    ORDER BY received_at, raw_partition, raw_offset, digest LIMIT ?
"""
_PLACES = _PAGE.format(columns="received_at, raw_partition, raw_offset, digest")
_RECORDS = _PAGE.format(columns="received_at, raw_partition, raw_offset, digest, packed")
_NEWEST = "SELECT max(received_at) FROM record WHERE received_at < ?"
_COUNT = "SELECT count(*) FROM record WHERE received_at >= ? AND received_at < ?"
_PRUNE = """
    DELETE FROM record WHERE (received_at, raw_partition, raw_offset, digest) IN (
        SELECT received_at, raw_partition, raw_offset, digest FROM record
        WHERE received_at < ? ORDER BY received_at LIMIT ?)
"""


class RawRecord(NamedTuple):
    """A record of raw-frames, a frame or a tick, exactly as it was written to its partition."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Place(NamedTuple):
    """Where a raw record stands in the log of all partitions, in the order in which a replay reads them."""

    received_at: int
    partition: int
    offset: int


class Placed(NamedTuple):
    """A raw record with its place in the log: its offset and when the bridge received it (unix milliseconds)."""

    offset: int
    received_at: int
    record: RawRecord


def place_of(placed: Placed) -> Place:
    """Where it stands."""
    return Place(placed.received_at, placed.record.partition, placed.offset)


def in_order(placed: Iterable[Placed]) -> list[Placed]:
    """As the archive keeps them: by place, of one place by content, each record once."""
    return [placed for _, placed in sorted({_row(each)[:4]: each for each in placed}.items())]


class Archive:
    """The raw records in one SQLite file; any number read, and who writes waits for who writes."""

    covered = None  # it does not know what it lacks: its records have to tell

    def __init__(self, path: Path, *, busy_timeout: float = 2.0, page: int = PAGE) -> None:
        self._database = Database(path, SCHEMA, busy_timeout=busy_timeout)
        self._page = page

    async def write(self, records: Sequence[Placed]) -> int:
        """Return once all of them are durable, and how many were new; one that is there already changes nothing.

        Raises StoreUnavailable or ReadingRejected; then none is stored.
        """
        rows = [_row(placed) for placed in records]
        return await self._database.write(lambda connection: connection.executemany(_INSERT, rows).rowcount)

    def read(self, start: int, end: int) -> Iterator[RawRecord]:
        """The records with start <= received_at < end (unix milliseconds), in the order received; for a replay.

        It blocks for each page of a thousand, and takes no notice of what is written behind it meanwhile. Raises
        StoreUnavailable, and ValueError for a row that a newer version packed.
        """
        return (placed.record for placed in self.placed(start, end))

    def placed(self, start: int, end: int) -> Iterator[Placed]:
        """As `read`, each record with its place."""
        for received_at, partition, offset, _, packed in self._rows(_RECORDS, start, end):
            key, headers, value = unpack(packed)
            yield Placed(offset, received_at, RawRecord(partition, key, value, headers))

    def places(self, start: int, end: int) -> Iterator[Place]:
        """As `placed`, the places alone: some ten times as fast."""
        return (Place(*row[:3]) for row in self._rows(_PLACES, start, end))

    def _rows(self, page: str, start: int, end: int) -> Iterator[tuple[Any, ...]]:
        after: tuple[int, int, int, int] = (int64(start - 1), 2**62, 0, 0)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(page, (*after, int64(end), self._page)).fetchall() if connection else []
            yield from rows
            if len(rows) < self._page:
                return
            after = rows[-1][:4]

    def newest(self, before: int = 2**63 - 1) -> int | None:
        """When the newest record of those received before then was received; None if there is none.

        Both in unix milliseconds. Raises StoreUnavailable.
        """
        with self._database.read() as connection:
            found = connection.execute(_NEWEST, (int64(before),)).fetchone() if connection else None
        return int(found[0]) if found and found[0] is not None else None

    def count(self, start: int, end: int) -> int:
        """How many records have start <= received_at < end (unix milliseconds). Raises StoreUnavailable."""
        with self._database.read() as connection:
            found = connection.execute(_COUNT, (int64(start), int64(end))).fetchone() if connection else None
        return int(found[0]) if found else 0

    async def prune(self, before: int, *, most: int = 1000) -> int:
        """Delete up to `most` records that were received before `before` (unix milliseconds); says how many.

        Small steps, because nothing is archived meanwhile. Raises StoreUnavailable.
        """
        return await self._database.write(lambda connection: connection.execute(_PRUNE, (before, most)).rowcount)

    async def close(self) -> None:
        """Release the file."""
        await self._database.close()


def _row(placed: Placed) -> tuple[int, int, int, int, bytes]:
    packed = pack(placed.record.key, placed.record.headers, placed.record.value)
    digest = int.from_bytes(blake2b(packed, digest_size=8).digest(), "big", signed=True)
    return placed.received_at, placed.record.partition, placed.offset, digest, packed
