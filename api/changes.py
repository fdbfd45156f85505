"""What changed, for every open event stream: the keys, once each, however often they changed meanwhile.

A client that reads slowly so gets the newest state of each, and costs no more memory than there are keys.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

Kind = Literal["sensor", "gateway"]
Key = tuple[Kind, str]


class TooManyStreams(Exception):
    """No room for another one; the text says how many there are."""


class Stream:
    """One client's share: what it has not been told yet."""

    def __init__(self) -> None:
        self.closed = False
        self._news = asyncio.Event()
        self._keys: dict[Key, None] = {}  # in the order of their first change

    def add(self, keys: Iterable[Key]) -> None:
        """These are to be told."""
        self._keys.update(dict.fromkeys(keys))
        self._news.set()

    def take(self) -> list[Key]:
        """All that is to be told; it counts as told."""
        taken = list(self._keys)
        self._keys.clear()
        self._news.clear()
        return taken

    def close(self) -> None:
        """No more is to be told."""
        self.closed = True
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is news, or after that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass


class Changes:
    """All open streams of this process, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streams: set[Stream] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._streams)

    @contextmanager
    def listen(self) -> Iterator[Stream]:
        """A stream while the context lasts. Raises TooManyStreams."""
        if len(self._streams) >= self._limit:
            raise TooManyStreams(f"{self._limit} event streams are open, which is the limit of this process")
        stream = Stream()
        stream.closed = self._closed
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    def mark(self, kind: Kind, key: str) -> None:
        """Its state, or how it stands, has changed."""
        for stream in self._streams:
            stream.add([(kind, key)])

    def close(self) -> None:
        """End every stream: the process is about to stop."""
        self._closed = True
        for stream in self._streams:
            stream.close()
