"""What track keeps of one sensor. Encoded: 8 bytes of revision, then MessagePack; load and dump are inverse."""

import msgspec

from schemas.advertisement import TimeSource, Values
from schemas.reading import LatestValue, Reception, Refused
from streams.counters import Counters
from streams.freshness import Silence
from streams.ledger import Ledger
from streams.windows import Windows

VERSION = 2


class Packet(msgspec.Struct, array_like=True):
    """A packet that was accepted lately, so that its copies are known. Times in unix milliseconds.

    `came_at`: when it came through the stream. `heard_by`: short marks of the gateways that brought it. `native`: a
    gateway decoded it itself.
    """

    packet_id: int | None
    counter: int | None
    measured_at: int
    came_at: int
    values: Values
    heard_by: list[int] = []
    native: bool = False


class Newest(msgspec.Struct, array_like=True):
    """The newest reading by measured time."""

    measured_at: int
    time_source: TimeSource
    gateway: str
    rssi: int | None
    packet_id: int | None
    flags: tuple[str, ...]


class SensorState(msgspec.Struct, array_like=True):
    """One sensor. `fences`: raw partition -> (epoch, offset, index) of the highest advertisement folded."""

    version: int = VERSION
    revision: int = 0
    fences: dict[int, tuple[int, int, int]] = {}
    packets: list[Packet] = []
    newest: Newest | None = None
    last_seen: int | None = None
    readings: int = 0
    values: dict[str, LatestValue] = {}
    receptions: dict[str, Reception] = {}
    # since version 2
    counters: Counters | None = None
    silence: Silence = msgspec.field(default_factory=Silence)
    windows: Windows = msgspec.field(default_factory=Windows)
    refused: Refused | None = None  # 15 bytes at most
    ledger: Ledger = msgspec.field(default_factory=Ledger)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SensorState).decode


class UnknownVersion(Exception):
    """A state of a bluflow newer than this one."""


def dump(state: SensorState) -> bytes:
    """The bytes for the changelog."""
    return state.revision.to_bytes(8, "big") + _encode(state)


def load(value: "bytes | SensorState | None") -> SensorState:
    """Of a table's value, as recovered or as held. Raises UnknownVersion."""
    if isinstance(value, SensorState):
        return value
    if value is None:
        return SensorState()
    return migrate(_decode(memoryview(value)[8:]))


def migrate(state: SensorState) -> SensorState:
    """From any older version to this one."""
    if state.version > VERSION:
        raise UnknownVersion(f"state of version {state.version}, this bluflow knows {VERSION}: do not go back")
    if state.version == 1:
        # a sensor that fell silent before the change must be called silent after it
        if state.last_seen is not None and state.newest is not None:
            state.silence.hearings[state.newest.gateway] = [state.last_seen]
        state.version = 2
    return state
