"""What track keeps of one sensor. How it is written: `state_codec.py`."""

import msgspec

from schemas.advertisement import TimeSource
from schemas.reading import LatestValue, Reception, Refused
from streams.counters import Counters
from streams.freshness import Silence
from streams.packets import Packets
from streams.windows import Windows


class Newest(msgspec.Struct, array_like=True):
    """The newest reading by measured time."""

    measured_at: int
    time_source: TimeSource
    gateway: str
    rssi: int | None
    packet_id: int | None
    flags: tuple[str, ...]


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
    refused: Refused | None = None  # 15 bytes at most
