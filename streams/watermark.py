"""How far the stream has come: the newest tick of each raw partition, and the least of them. Pure.

Only ticks move it: frames that waited for the bridge arrive at once, and no tick comes before they are through. Beside
it stands what ticks tell: when nobody listened, and which gateways are silent.
"""

from collections.abc import Sequence

import msgspec

from schemas.freshness import PIPELINE_BEHIND_MS
from schemas.gateway import GatewayChange
from streams.freshness import GAPS_COUNT_MS, JUDGED_AFTER_MS, Listening
from streams.schedule import Schedule

KEY = b"watermark"  # no sensor is called that
# Of silent gateways, some ten thousand: a record has to fit into the broker's limit. Who fell silent longest ago is
# forgotten beyond.
MAX_SILENT_BYTES = 600_000
_NUMBERS_BYTES = 30  # of one silence, besides the name
_HOUR_MS = 3_600_000


class _Stored(msgspec.Struct, array_like=True):
    ticks: dict[int, int]
    gaps: list[tuple[int, int]]
    silences: dict[str, list[list[int]]]


_encode = msgspec.msgpack.Encoder().encode
# the first version was the ticks alone
_decode = msgspec.msgpack.Decoder(_Stored | dict[int, int]).decode


class Watermark:
    """Of one advertisements partition. Times in unix milliseconds. `schedule` is memory only: None until it is made."""

    def __init__(self, raw_partitions: int, ticks: dict[int, int] | None = None) -> None:
        self._raw_partitions = raw_partitions
        self._ticks = ticks or {}
        self._gaps: list[tuple[int, int]] = []
        self._silences: dict[str, list[list[int]]] = {}
        self.schedule: Schedule | None = None

    @property
    def revision(self) -> int:
        """Grows with every change: ticks never go back."""
        return sum(self._ticks.values())

    def saw(self, raw_partition: int, tick: int, changes: Sequence[GatewayChange] = ()) -> None:
        """A tick of that raw partition came through. One that is not newer than the last says nothing."""
        before = self._ticks.get(raw_partition, 0)
        if tick <= before:
            return
        self._ticks[raw_partition] = tick
        if before and tick - before > PIPELINE_BEHIND_MS and (before, tick) not in self._gaps:
            self._gaps.append((before, tick))
        for change in changes:
            self._note(change, tick)
        if changes:
            self._bound()

    def _note(self, change: GatewayChange, tick: int) -> None:
        held = self._silences.get(change.gateway)
        if change.silent:
            if held is None:
                held = self._silences[change.gateway] = []
            if not held or held[-1][2]:
                held.append([change.at, tick, 0])
        elif held and not held[-1][2]:
            held[-1][2] = change.at

    def _bound(self) -> None:
        sizes = {name: len(name.encode()) + _NUMBERS_BYTES * len(each) for name, each in self._silences.items()}
        excess = sum(sizes.values()) - MAX_SILENT_BYTES
        if excess > 0:
            for name in sorted(sizes, key=lambda name: (self._silences[name][-1][0], name)):
                del self._silences[name]
                excess -= sizes[name]
                if excess <= 0:
                    return

    @property
    def time(self) -> int:
        """Everything that arrived before this has come through; 0 until every raw partition has been heard of."""
        return min(self._ticks.values()) if len(self._ticks) >= self._raw_partitions else 0

    def ticked(self, raw_partition: int) -> int:
        """The newest tick of that raw partition; 0 if none came."""
        return self._ticks.get(raw_partition, 0)

    @property
    def listening(self) -> Listening:
        """What ticks told of the bridge and the gateways."""
        return Listening(self._gaps, self._silences)

    def forget(self) -> None:
        """Let go of what no deadline ahead can ask for. To be called when all deadlines up to now are done."""
        now = self.time
        self._gaps = [gap for gap in self._gaps if gap[1] > now - GAPS_COUNT_MS - _HOUR_MS]
        for gateway, silences in list(self._silences.items()):
            kept = [each for each in silences if not each[2] or each[2] > now - JUDGED_AFTER_MS]
            if kept:
                self._silences[gateway] = kept
            else:
                del self._silences[gateway]

    def dump(self) -> bytes:
        """Revision (8 bytes), then MessagePack."""
        stored = _Stored(dict(sorted(self._ticks.items())), self._gaps, self._silences)
        return self.revision.to_bytes(8, "big") + _encode(stored)

    @classmethod
    def load(cls, value: "bytes | Watermark | None", raw_partitions: int) -> "Watermark":
        """Of a table's value, as recovered or as held."""
        if isinstance(value, Watermark):
            return value
        if value is None:
            return cls(raw_partitions)
        stored = _decode(memoryview(value)[8:])
        if isinstance(stored, dict):
            return cls(raw_partitions, stored)
        watermark = cls(raw_partitions, stored.ticks)
        watermark._gaps, watermark._silences = stored.gaps, stored.silences
        return watermark
