"""A UTC day's file in the making: what the source gives, and what the file held before, in order and once."""

import asyncio
import fcntl
import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import msgspec

from history.archive import Placed, in_order, place_of
from history.parquet import DAY_MS, Facts, UnusableFile, writing
from history.parquet_file import GROUP_BYTES, GROUP_ROWS, FrameFile, FrameWriter, read_rows, size_of
from history.spans import Span, union

PARTIAL = ".partial"  # ends the names of what is not ready
_PAUSE_EVERY = 1000  # rows; between them a Ctrl-C is heard


def merged(parts: Sequence[Iterator[Placed]]) -> Iterator[Placed]:
    """The records of all, each part in order, in order; one that is in several parts once."""
    for _, together in groupby(heapq.merge(*parts, key=place_of), key=place_of):
        first, *others = together
        if all(each == first for each in others):
            yield first
        else:
            yield from in_order((first, *others))


class DayFile:
    """`add` each record of the day, then `finish`; the file has its name only when it is complete.

    A file of that name that is there already stays until then, and its rows and what it covers are in the new one too.
    What comes out of order is sorted on disk. Raises UnusableFile.
    """

    def __init__(self, path: Path, facts: Facts) -> None:
        self.path, self._facts = path, facts
        self.before = FrameFile(path) if path.exists() else None
        if self.before and (self.before.facts.log, self.before.facts.day) != (facts.log, facts.day):
            raise UnusableFile(f"{path}: it is of another log or day, {self.before.facts.log}: choose another folder")
        self._sweep()
        self._main = FrameWriter(self._partial(0))
        self._late, self._late_bytes, self._runs = list[Placed](), 0, list[Path]()

    def add(self, placed: Placed) -> None:
        """One record of the day."""
        if self._main.last is None or place_of(placed) > self._main.last:
            self._main.write(placed)
            return
        self._late.append(placed)
        self._late_bytes += size_of(placed)
        if len(self._late) >= GROUP_ROWS or self._late_bytes >= GROUP_BYTES:
            self._spill()

    async def finish(self, covered: Iterable[Span], partitions: int) -> Facts:
        """Give the file its name. `covered`: when the log was held whole; `partitions` of the log."""
        before = self.before.facts if self.before else self._facts
        facts = msgspec.structs.replace(
            self._facts,
            covered=tuple(union([*before.covered, *covered])),
            partitions=max(before.partitions, partitions),
        )
        writer = self._main
        if self.before or self._late or self._runs:
            writer = await self._merge()
        facts = writer.told(facts)
        if self.before and facts == msgspec.structs.replace(before, bluflow=facts.bluflow):
            return before  # nothing new: the file stays as it is, to the byte
        writer.close(facts)
        with writing(self.path):
            writer.path.replace(self.path)
            _make_durable(self.path.parent)
        return facts

    def close(self) -> None:
        """Leave nothing but the finished file."""
        self._main.abandon()
        self._sweep()

    async def _merge(self) -> FrameWriter:
        if self._late:
            self._spill()
        self._main.close()
        whole = (self._facts.day, self._facts.day + DAY_MS)
        parts = [read_rows(path, *whole) for path in (self._main.path, *self._runs)]
        if self.before:
            parts.append(self.before.placed(*whole))
        self._main = writer = FrameWriter(self._partial(len(self._runs) + 1))
        for number, placed in enumerate(merged(parts)):
            if number % _PAUSE_EVERY == 0:
                await asyncio.sleep(0)
            writer.write(placed)
        return writer

    def _spill(self) -> None:
        writer = FrameWriter(self._partial(len(self._runs) + 1))
        self._runs.append(writer.path)
        for placed in in_order(self._late):
            writer.write(placed)
        writer.close()
        self._late, self._late_bytes = [], 0

    def _partial(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}{PARTIAL}")

    def _sweep(self) -> None:
        for left in self.path.parent.glob(f"{self.path.name}.*{PARTIAL}"):
            left.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, made if need be, for ourselves; the kernel lets go if we die.

    Raises UnusableFile, also if another export has it.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder, os.O_RDONLY)
    try:
        _lock(number, folder)
        yield
    finally:
        os.close(number)


def _lock(number: int, folder: Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnusableFile(f"{folder}: another export writes there now: wait for its end") from None
    except OSError:
        return  # a file system that knows no locks


def _make_durable(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
