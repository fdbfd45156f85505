"""Where raw records come from: a source gives them in order of arrival, whatever it is."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Set
from typing import NamedTuple, Protocol, TypeVar

from history.archive import Place, Placed
from history.spans import Span, without
from streams.replay.survey import Survey

Item = TypeVar("Item")

_PAUSE_EVERY = 500  # records; between them a Ctrl-C is heard
_AROUND_MS = 2 * 60_000  # within it each partition gets a tick


class LogForgot(Exception):
    """The log cannot give what was asked for; the text is one line that says why."""


class Progress(NamedTuple):
    """`done` of about `total` records, `at` the arrival of the newest (unix milliseconds)."""

    done: int
    total: int
    at: int


class Source(Protocol):
    """A part of the raw log. `total`: about how many records it is. Times in unix milliseconds.

    `cut`: the partitions whose older part was deleted before their first record here. `missing`: when else records
    arrived that are not here. `by_offset`: whether it gave each offset of a partition out only once.
    `older`: whether the log had records before these.
    """

    partitions: int
    total: int
    cut: Set[int]
    older: bool
    by_offset: bool
    missing: Sequence[Span]

    @property
    def through(self) -> int:
        """All that arrived before this was read, once `records` has come to its end."""

    def away(self, time: int) -> Iterable[int]:
        """The partitions that the log does not have about that time: it is of several logs, one after the other."""

    def records(self) -> AsyncIterator[Placed]:
        """The records by (received_at, partition, offset), each partition in its own order. Raises LogForgot."""


class Shelf(Protocol):
    """Raw records that lie in files. `covered`: when the log is held whole; None: the shelf does not know."""

    @property
    def covered(self) -> Sequence[Span] | None: ...

    def placed(self, start: int, end: int) -> Iterator[Placed]:
        """The records with start <= received_at < end (unix milliseconds) by (received_at, partition, offset)."""

    def places(self, start: int, end: int) -> Iterator[Place]:
        """As `placed`, the places alone."""

    def newest(self, before: int) -> int | None:
        """When the newest record of those received before then was received (unix milliseconds), if there is one."""


class StoredSource:
    """Records that lie in files: the embedded stack's archive, or what was exported."""

    by_offset = False  # a broker that lost its memory begins anew

    def __init__(
        self, shelf: Shelf, survey: Survey, *, older: bool, reaches_back: bool, missing: Sequence[Span]
    ) -> None:
        self._shelf, self._survey, self.total, self.missing = shelf, survey, survey.total, missing
        self.partitions = len(survey.first)
        begins = survey.beyond | survey.first
        self.cut: Set[int] = set() if reaches_back else {each for each, first in begins.items() if first.offset}
        self.older = older or bool(self.cut)

    @classmethod
    async def open(cls, shelf: Shelf, start: int, end: int) -> "StoredSource":
        """Looks through the range once, to know its partitions. Raises what the shelf raises."""
        survey, newest = Survey(start, end), shelf.newest(start)
        older = newest is not None
        async for place in _with_pauses(shelf.places(start if newest is None else newest - _AROUND_MS, end)):
            survey.saw(place)
        following = next(shelf.places(end, 1 << 62), None)
        if following is not None:
            for place in shelf.places(following.received_at, following.received_at + _AROUND_MS):
                survey.saw(place)
        if shelf.covered is None:
            return cls(shelf, survey, older=older, reaches_back=older, missing=survey.missing)
        lacking = without((start, end), shelf.covered)
        # what comes before all files is a matter of `cut`, and what comes after them was never asked for
        inner = [span for span in lacking if start < span[0] and span[1] < end]
        reaches_back = not lacking or lacking[0][0] > start
        return cls(shelf, survey, older=older, reaches_back=reaches_back, missing=inner)

    @property
    def through(self) -> int:
        """As `Source`."""
        return self._survey.through

    def away(self, time: int) -> Iterable[int]:
        """As `Source`."""
        return self._survey.away(time)

    def records(self) -> AsyncIterator[Placed]:
        """As `Source`. Raises what the shelf raises."""
        return _with_pauses(self._shelf.placed(self._survey.start, self._survey.end))


async def _with_pauses(items: Iterator[Item]) -> AsyncIterator[Item]:
    for number, item in enumerate(items):
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
        yield item
