"""Decode's state: how far a raw partition was forwarded, and in which epoch of its log."""

from dataclasses import dataclass

KEY = b"raw"
_OFFSET_BITS = 44  # 17 trillion offsets, a million epochs


@dataclass(frozen=True, slots=True)
class LogPosition:
    """`next_offset` is the first raw offset not yet forwarded; `epoch` counts lost tails of the log."""

    epoch: int = 0
    next_offset: int = 0

    @property
    def revision(self) -> int:
        """Orders positions: a later epoch first, then a later offset."""
        return self.epoch << _OFFSET_BITS | self.next_offset

    def dump(self) -> bytes:
        """Eight bytes: the revision is the whole state."""
        return self.revision.to_bytes(8, "big")

    @classmethod
    def load(cls, value: "bytes | LogPosition | None") -> "LogPosition":
        """Of a table's value, as recovered or as held; a partition never seen starts at 0."""
        if isinstance(value, LogPosition):
            return value
        revision = int.from_bytes(value or b"", "big")
        return cls(revision >> _OFFSET_BITS, revision & (1 << _OFFSET_BITS) - 1)
