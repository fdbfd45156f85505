"""Where raw records come from: a source gives them in order of arrival, whatever it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

from history.archive import Placed

_PAUSE_EVERY = 500  # records; between them a Ctrl-C is heard

# read(start, end): the records with start <= received_at < end by (received_at, partition, offset)
Read = Callable[[int, int], Iterator[Placed]]


class LogForgot(Exception):
    """The log cannot give what was asked for; the text is one line that says why."""


class Source(Protocol):
    """A part of the raw log. `total`: about how many records it is. `cut`: whether the log has an older part that
    was deleted before its first record here. `by_offset`: whether it gave each offset of a partition out only once."""

    partitions: int
    total: int
    cut: bool
    by_offset: bool

    def records(self) -> AsyncIterator[Placed]:
        """The records by (received_at, partition, offset), each partition in its own order. Raises LogForgot."""


class StoredSource:
    """Records that lie in files: the embedded stack's archive, or what was exported."""

    by_offset = False  # a broker that lost its memory begins anew

    def __init__(self, read: Read, span: tuple[int, int], first_offsets: dict[int, int], total: int) -> None:
        self._read, self._span, self.total = read, span, total
        self.partitions = len(first_offsets)
        self.cut = any(first_offsets.values()) and next(read(0, span[0]), None) is None

    @classmethod
    async def open(cls, read: Read, start: int, end: int) -> "StoredSource":
        """Looks through the range once, to know its partitions. Raises what `read` raises."""
        first_offsets: dict[int, int] = {}
        total = 0
        async for placed in _with_pauses(read(start, end)):
            first_offsets.setdefault(placed.record.partition, placed.offset)
            total += 1
        return cls(read, (start, end), first_offsets, total)

    def records(self) -> AsyncIterator[Placed]:
        """As `Source`. Raises what `read` raises."""
        return _with_pauses(self._read(*self._span))


async def _with_pauses(records: Iterator[Placed]) -> AsyncIterator[Placed]:
    for number, placed in enumerate(records):
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
        yield placed
