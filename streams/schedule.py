"""Which sensor has something to do when: a heap, so that no tick looks at every sensor. Memory only."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import Any
from zlib import crc32

from schemas.registry import Registry

TURNS_MS = 165_000  # less than the five minutes of a window
# What the next reading of a sensor does, which writes its state anyhow, a tick does for one that says nothing for so
# long: more than the minute in which most speak. Packets are remembered for both.
WAITS_MS = 75_000


def turn_of(key: bytes) -> int:
    """How long a sensor waits with what is due for all at the same moment, milliseconds below TURNS_MS.

    The windows of all sensors end together: 100,000 that are settled at once keep the stream waiting for ten seconds.
    """
    return crc32(key) % TURNS_MS


class Schedule:
    """Keys by the watermark (unix milliseconds) at which each is to be looked at.

    Most sensors speak before anything is due and put it off: that costs no place in the heap, as a key moves on when
    its old place is reached. Where a key was put to an earlier time, its later place stays until then. `registry` is
    the one whose intervals it was made for.
    """

    def __init__(self, entries: Iterable[tuple[int, bytes]], registry: Registry) -> None:
        self.registry = registry
        # place in the heap, key, when it is due
        self._entries: dict[bytes, list[Any]] = {key: [time, key, time] for time, key in entries}
        self._heap = sorted(self._entries.values())

    def put(self, key: bytes, time: int | None) -> None:
        """Look at it then, and not when it was said before; None: not at all."""
        entry = self._entries.get(key)
        if time is None:
            self._entries.pop(key, None)
        elif entry is not None and entry[0] <= time:
            entry[2] = time
        else:
            entry = self._entries[key] = [time, key, time]
            heappush(self._heap, entry)

    def pop(self, watermark: int) -> Iterator[bytes]:
        """Every key that is due, once each, in order. What is put meanwhile must lie ahead."""
        while self._heap and self._heap[0][0] <= watermark:
            entry = self._heap[0]
            place, key, due = entry
            if self._entries.get(key) is not entry:
                heappop(self._heap)
            elif place < due:
                entry[0] = due
                heapreplace(self._heap, entry)
            else:
                heappop(self._heap)
                del self._entries[key]
                yield key
