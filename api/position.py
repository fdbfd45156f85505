"""How far a client of the event stream has come, as an opaque text that every API process understands.

It holds the next offset of every partition of the followed topics, and which topics and which registry they were: no
process's own numbers. So a client may lose one process and resume at another, but not at one of another generation.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from schemas.registry import Registry


class Position(NamedTuple):
    """`world` is a digest of registry and topics; `offsets` has a list for each topic, by partition."""

    world: bytes
    offsets: tuple[tuple[int, ...], ...]

    def text(self) -> str:
        """The id of an event."""
        packed = msgspec.msgpack.encode((self.world, self.offsets))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def is_ahead_of(self, other: "Position") -> bool:
        """Whether it cannot be resumed by one who stands at `other`: other topics, another registry, a shorter log."""
        if self.world != other.world or [*map(len, self.offsets)] != [*map(len, other.offsets)]:
            return True
        pairs = zip(self.offsets, other.offsets, strict=True)
        return any(mine > theirs for ours, them in pairs for mine, theirs in zip(ours, them, strict=True))


def position_of(offsets: Mapping[TopicPartition, int], topics: tuple[str, ...], registry: Registry) -> Position:
    """Where one stands who has read up to `offsets`; other topics than the given ones do not count."""
    found: dict[str, list[int]] = {topic: [] for topic in topics}
    for partition, offset in sorted(offsets.items()):
        if partition.topic in found:
            found[partition.topic].append(offset)
    return Position(digest(registry, topics), tuple(tuple(found[topic]) for topic in topics))


def parse_position(text: str) -> Position | None:
    """The position of an event's id, None if it is none of ours."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _decode(packed)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None


@lru_cache(maxsize=2)
def digest(registry: Registry, topics: tuple[str, ...]) -> bytes:
    """Equal for equal registries and topics. Kept for those in force: it is asked for at every event."""
    entries = sorted(registry.entries.values(), key=lambda entry: entry.sensor)
    return blake2b(msgspec.msgpack.encode((topics, entries), order="deterministic"), digest_size=6).digest()


_decode = msgspec.msgpack.Decoder(Position).decode
