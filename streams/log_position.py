"""Decode's state of a raw partition: how far it was forwarded, in which epoch of its log, and its newest tick."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from schemas.freshness import PIPELINE_BEHIND_MS
from streams.engine.tails import Mark, mark_after

KEY = b"raw"
_OFFSET_BITS = 44  # 17 trillion offsets, a million epochs
MOST_EPOCHS = (1 << 64 - _OFFSET_BITS) - 1

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, ...]).decode


@dataclass(frozen=True, slots=True)
class LogPosition:
    """`next_offset` is the first raw offset not yet forwarded; `epoch` counts lost tails of the log.

    `tick` is the newest tick, `listening_since` the one since which ticks have come without a gap: before it nobody
    listened, so nobody can be called silent for it. Both in unix milliseconds, 0 if there was none. `written_at` and
    `crc` are those of the `mark` after the record forwarded last.
    """

    epoch: int = 0
    next_offset: int = 0
    tick: int = 0
    listening_since: int = 0
    written_at: int = 0
    crc: int = 0

    @property
    def revision(self) -> int:
        """Orders positions: a later epoch first, then a later offset."""
        return revision_of(self.epoch, self.next_offset - 1)

    @property
    def mark(self) -> Mark:
        """By which the log is known again."""
        return Mark(self.next_offset, self.written_at, self.crc)

    def after(self, record: Any) -> "LogPosition":
        """The position when this record was forwarded too."""
        mark = mark_after(record)
        return replace(self, next_offset=mark.next_offset, written_at=mark.written_at, crc=mark.crc)

    def departed(self, offset: int) -> "LogPosition":
        """The position in the log's next epoch, which is read from that offset on."""
        return replace(self, epoch=self.epoch + 1, next_offset=offset, written_at=0, crc=0)

    def ticked(self, time: int) -> "LogPosition":
        """The position after a tick of that time (unix milliseconds); one that goes back changes nothing."""
        if time <= self.tick:
            return self
        listened = self.tick and time - self.tick <= PIPELINE_BEHIND_MS
        return replace(self, tick=time, listening_since=self.listening_since if listened else time)

    def dump(self) -> bytes:
        """Revision (8 bytes), then MessagePack."""
        return self.revision.to_bytes(8, "big") + _encode((self.tick, self.listening_since, self.written_at, self.crc))

    @classmethod
    def load(cls, value: "bytes | LogPosition | None") -> "LogPosition":
        """Of a table's value, as recovered or as held; a partition never seen starts at 0."""
        if isinstance(value, LogPosition):
            return value
        value = value or b""
        revision = int.from_bytes(value[:8], "big")
        facts = _decode(value[8:]) if value[8:] else ()  # older values have fewer of them
        return cls(revision >> _OFFSET_BITS, revision & (1 << _OFFSET_BITS) - 1, *facts)


def revision_of(epoch: int, offset: int) -> int:
    """The revision of a state that has folded the record at that place; grows with the log."""
    return epoch << _OFFSET_BITS | offset + 1
