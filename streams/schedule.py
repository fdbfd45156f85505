"""Which sensor has something to do when: a heap, so that no tick looks at every sensor. Memory only."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from zlib import crc32

from schemas.registry import Registry

TURNS_MS = 4 * 60_000  # less than the five minutes of a window; packets are remembered for as much longer


def turn_of(key: bytes) -> int:
    """How long a sensor waits with what is due for all at the same moment, milliseconds below TURNS_MS.

    The windows of all sensors end together: 100,000 that are settled at once keep the stream waiting for ten seconds.
    """
    return crc32(key) % TURNS_MS


class Schedule:
    """Keys by the watermark (unix milliseconds) at which each is to be looked at: then, or earlier in vain.

    `registry` is the one whose intervals it was made for.
    """

    def __init__(self, entries: Iterable[tuple[int, bytes]], registry: Registry) -> None:
        self.registry = registry
        self._heap = sorted(entries)
        self._due: dict[bytes, int] = {}
        for time, key in self._heap:
            self._due.setdefault(key, time)

    def put(self, key: bytes, time: int | None, later: int = 0) -> None:
        """Look at it so much later than then, at the latest; what is later than a time it has changes nothing."""
        if time is None:
            return
        time += later
        due = self._due.get(key)
        if due is None or time < due:
            self._due[key] = time
            heappush(self._heap, (time, key))

    def pop(self, watermark: int) -> Iterator[bytes]:
        """Every key that is due, once each, in order. What is put meanwhile must lie ahead."""
        while self._heap and self._heap[0][0] <= watermark:
            time, key = heappop(self._heap)
            if self._due.get(key) == time:
                del self._due[key]
                yield key
