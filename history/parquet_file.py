"""One Parquet file of raw records: written row group by row group, read the same way, never whole in memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from history.archive import Place, Placed, place_of
from history.parquet import (
    DAY_MS,
    PLACE,
    SCHEMA,
    Digest,
    Facts,
    UnusableFile,
    batch_of,
    places_of,
    read_facts,
    reading,
    rows_of,
    writing,
)

# A row group is what a reader has to hold: so many rows, or bytes of frames, whichever comes first.
GROUP_ROWS, GROUP_BYTES = 20_000, 8 * 1024 * 1024
_BATCH = 1000  # rows
_ROW_BYTES = 64  # of a row beside its key, value and headers


class FrameWriter:
    """A file in the making. Each method raises UnusableFile if it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self.first: int | None = None
        self.last: Place | None = None
        self._digest, self._waiting, self._bytes = Digest(), list[Placed](), 0
        with writing(path):
            self._file = path.open("wb")
        # frames are like each other, but never the same: a dictionary of them would only be tried and given up
        self._out = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            use_dictionary=["raw_partition", "key", "headers.list.element.name"],
            store_schema=False,
            write_page_checksum=True,
        )

    def write(self, placed: Placed) -> None:
        """One more row; the rows come in order."""
        self.last = place_of(placed)
        if self.first is None:
            self.first = placed.received_at
        self.rows += 1
        self._digest.add(placed)
        self._waiting.append(placed)
        self._bytes += size_of(placed)
        if len(self._waiting) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def told(self, facts: Facts) -> Facts:
        """The same, with what the rows say."""
        last = self.last.received_at if self.last else None
        return msgspec.structs.replace(facts, rows=self.rows, first=self.first, last=last, digest=self._digest.text())

    def close(self, facts: Facts | None = None) -> None:
        """The file is complete, and says so of itself; without `facts` it is for our own eyes."""
        self._flush()
        if facts is not None:
            self._out.add_key_value_metadata(facts.metadata())
        with self._writing():
            self._out.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def abandon(self) -> None:
        """Let go of it, complete or not."""
        self._out.is_open = False  # or it would try again to write what the disk has no room for
        with suppress(OSError):
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with writing(self.path):
                yield
        except UnusableFile:
            self.abandon()
            raise

    def _flush(self) -> None:
        if self._waiting:
            with self._writing():
                self._out.write_batch(batch_of(self._waiting))
            self._waiting, self._bytes = [], 0


class FrameFile:
    """A file that was exported. Nothing is held open between two calls. Every call raises UnusableFile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path):
            self.size = path.stat().st_size
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
        self.facts = read_facts(path, schema)

    def touches(self, start: int, end: int) -> bool:
        """Whether some of its records may have start <= received_at < end (unix milliseconds)."""
        first, last = self.facts.first, self.facts.last
        return first is not None and last is not None and first < end and last >= start

    def placed(self, start: int, end: int) -> Iterator[Placed]:
        """The records with start <= received_at < end (unix milliseconds), in order."""
        before = Place(self.facts.day, -1, -1)
        for placed in read_rows(self.path, start, end):
            place = place_of(placed)
            if place < before or placed.received_at >= self.facts.day + DAY_MS:
                raise UnusableFile(f"{self.path}: its rows are not one day's in order: export its day again")
            before = place
            yield placed

    def places(self, start: int, end: int) -> Iterator[Place]:
        """As `placed`, the places alone."""
        for batch in _batches(self.path, PLACE):
            yield from (place for place in places_of(batch) if start <= place.received_at < end)

    def newest(self, before: int) -> int | None:
        """When the newest record of those received before then was received; None if there is none."""
        first, last = self.facts.first, self.facts.last
        if first is None or last is None or first >= before:
            return None
        return last if last < before else max((place.received_at for place in self.places(first, before)), default=None)

    def verify(self) -> None:
        """Read it all, and compare with what it says of itself."""
        digest, rows = Digest(), 0
        for placed in self.placed(self.facts.day, self.facts.day + DAY_MS):
            digest.add(placed)
            rows += 1
        if (rows, digest.text()) != (self.facts.rows, self.facts.digest):
            raise UnusableFile(f"{self.path}: its rows are not those that were exported: export its day again")


def read_rows(path: Path, start: int, end: int) -> Iterator[Placed]:
    """The file's records with start <= received_at < end (unix milliseconds), as they stand. Raises UnusableFile."""
    for batch in _batches(path, None):
        yield from (placed for placed in rows_of(batch) if start <= placed.received_at < end)


def _batches(path: Path, columns: list[str] | None) -> Iterator[Any]:
    with reading(path), pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        yield from file.iter_batches(_BATCH, columns=columns, use_threads=False)


def size_of(placed: Placed) -> int:
    """About how many bytes it takes in memory."""
    _, key, value, headers = placed.record
    named = sum(len(name) + len(said or b"") for name, said in headers)
    return _ROW_BYTES + len(key or b"") + len(value or b"") + named
