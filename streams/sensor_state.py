"""What track keeps of one sensor. How it is written: `state_codec.py`."""

from functools import lru_cache
from zlib import crc32

import msgspec

from schemas.advertisement import TimeSource, Values
from schemas.reading import LatestValue, Reception, Refused
from streams.counters import Counters
from streams.freshness import Silence
from streams.ledger import Ledger
from streams.packets import NONE, Packets
from streams.windows import Windows


class Newest(msgspec.Struct, array_like=True):
    """The newest reading by measured time."""

    measured_at: int
    time_source: TimeSource
    gateway: str
    rssi: int | None
    packet_id: int | None
    flags: tuple[str, ...]


@lru_cache(maxsize=4096)
def gateway_mark(gateway: str) -> int:
    """A gateway in two bytes. Two that share one are counted together."""
    return crc32(gateway.encode()) & 0xFFFF


class RememberedPacket(msgspec.Struct):
    """What the ledger asks of a packet; `heard_by` are the marks of gateways."""

    packet_id: int | None
    measured_at: int
    heard_by: list[int]


class SensorState(msgspec.Struct):
    """One sensor. `fences`: raw partition -> (epoch, offset, index) of the highest advertisement folded."""

    revision: int = 0
    fences: dict[int, tuple[int, int, int]] = {}
    packets: Packets = msgspec.field(default_factory=Packets)
    newest: Newest | None = None
    last_seen: int | None = None
    readings: int = 0
    values: dict[str, LatestValue] = {}
    receptions: dict[str, Reception] = {}
    counters: Counters | None = None
    silence: Silence = msgspec.field(default_factory=Silence)
    windows: Windows = msgspec.field(default_factory=Windows)
    refused: Refused | None = None  # 33 bytes at most
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    measured: Values = {}  # what the sensor said, of the values that an offset changed


class Remembered:
    """The packets of a state as the ledger wants them, made when it looks at them; `count`: the first so many."""

    def __init__(self, state: SensorState, count: int | None = None) -> None:
        self._packets, self._count = state.packets, len(state.packets) if count is None else count
        self._receptions = state.receptions

    def between(self, after: int, upto: int) -> list[RememberedPacket]:
        """Those measured after the one time and not after the other (unix milliseconds), in order of time."""
        times = self._packets.measured_at
        rows = [row for row, time in enumerate(times[: self._count]) if after < time <= upto]
        return [self[row] for row in sorted(rows, key=times.__getitem__)]

    def first_after(self, time: int) -> RememberedPacket | None:
        """The one that was measured first after that time."""
        times = self._packets.measured_at
        first = min((each for each in times[: self._count] if each > time), default=None)
        return None if first is None else self[times.index(first)]

    def __getitem__(self, row: int) -> RememberedPacket:
        packet_id, heard_by = self._packets.packet_id[row], self._packets.heard_by[row]
        marks = [gateway_mark(name) for place, name in enumerate(self._receptions) if heard_by >> place & 1]
        return RememberedPacket(None if packet_id == NONE else packet_id, self._packets.measured_at[row], marks)
