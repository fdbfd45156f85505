"""raw frames and ticks -> the archive, untouched; and out of it again when they are old enough."""

import time
from collections.abc import Iterable, Sequence

from aiokafka import ConsumerRecord

from history.archive import Archive, Placed, RawRecord
from schemas.topics import DAY, RAW_FRAMES
from streams.sinks.due import Due

PRUNE_STEP = 1000  # records; some 10 ms


class ArchiveTarget:
    """Every raw record becomes a row. Nothing is undecodable here: what makes no sense is archived as it came."""

    name = "archive"
    topic = RAW_FRAMES

    def __init__(self, archive: Archive, *, keep_days: float) -> None:
        self._archive = archive
        self._keep_ms = int(keep_days * DAY * 1000)
        self._due = Due()

    def decode(self, record: ConsumerRecord) -> Placed | None:
        """The record with its place; None for one that a replay took out of the archive and put back."""
        if ("archived", b"1") in record.headers:
            return None
        raw = RawRecord(record.partition, record.key, record.value, list(record.headers))
        return Placed(record.offset, _received_at(record.headers) or record.timestamp, raw)

    async def write(self, items: Sequence[Placed]) -> None:
        """Return once all are durable. Raises StoreUnavailable, ReadingRejected."""
        await self._archive.write(items)

    async def tidy(self) -> bool:
        """Delete a step of what is too old."""
        if not self._due.now():
            return False
        deleted = await self._archive.prune(int(time.time() * 1000) - self._keep_ms, most=PRUNE_STEP)
        self._due.done(more=deleted >= PRUNE_STEP)
        return True

    async def close(self) -> None:
        """Release the file."""
        await self._archive.close()


def _received_at(headers: Iterable[tuple[str, bytes]]) -> int | None:
    """The bridge's arrival time; None if the record has none that can be a time: then the broker's will do."""
    text = dict(headers).get("received-at") or b""
    return int(text) if text.isdigit() and len(text) < 16 else None
