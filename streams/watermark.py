"""How far the stream has come: for each raw partition the newest arrival seen, and the least of them. Pure.

Arrivals at the bridge grow within a raw partition, so the least one tells what can no longer come.
"""

import msgspec

KEY = b"watermark"  # no sensor is called that

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[int, int]).decode


class Watermark:
    """Of one advertisements partition. Times in unix milliseconds."""

    def __init__(self, raw_partitions: int, arrivals: dict[int, int] | None = None) -> None:
        self._raw_partitions = raw_partitions
        self._arrivals = arrivals or {}

    @property
    def revision(self) -> int:
        """Grows with every change: arrivals never go back."""
        return sum(self._arrivals.values())

    def saw(self, raw_partition: int, received_at: int) -> None:
        """An advertisement or tick of that raw partition came through."""
        if received_at > self._arrivals.get(raw_partition, 0):
            self._arrivals[raw_partition] = received_at

    @property
    def time(self) -> int:
        """Everything that arrived before this has come through; 0 until every raw partition has been heard of."""
        return min(self._arrivals.values()) if len(self._arrivals) >= self._raw_partitions else 0

    def dump(self) -> bytes:
        """Revision (8 bytes), then MessagePack."""
        return self.revision.to_bytes(8, "big") + _encode(dict(sorted(self._arrivals.items())))

    @classmethod
    def load(cls, value: "bytes | Watermark | None", raw_partitions: int) -> "Watermark":
        """Of a table's value, as recovered or as held."""
        if isinstance(value, Watermark):
            return value
        return cls(raw_partitions, _decode(value[8:]) if value else None)
