"""Whatever is read again, killed in the middle or written late by a zombie: the same states, the same outputs.

Track alone: each story of `machine.py` is compared with its log folded in one pass without faults.
"""

from typing import Any

import msgspec
import pytest
from faust.types import TP
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from schemas.advertisement import Advertisement, Coordinate, CounterReset, Tick
from schemas.codec import decode_reading, encode
from schemas.gateway import GatewayChange
from schemas.topics import ADVERTISEMENTS
from streams.deduplicate import MEMORY_MS, WINDOW_MS
from streams.engine import Output
from streams.track import TrackStage
from tests.streams import uninterrupted
from tests.streams.lives import Broker, Life
from tests.streams.machine import RAW, Faults, tell, which
from tests.streams.tracking import HOUR, MINUTE, SECOND

PLAIN = ("7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:01")
SECRET = "7c:c6:b6:01:02:03"

PACKETS = st.tuples(
    st.sampled_from([*PLAIN, SECRET]),
    st.integers(0, RAW - 1),
    st.integers(0, 2),  # gateway
    st.sampled_from([0, 0, 700, 70 * SECOND, 14 * MINUTE, 40 * MINUTE]),  # how late it comes
    st.sampled_from([1, 1, 1, 0, -3]),  # how the counter goes on
    st.sampled_from(["gateway", "gateway", "arrival", "unknown"]),
    st.sampled_from([False, False, False, True]),  # whether it comes back after two days, with its arrival of then
)
COPIES = st.tuples(
    which,  # packet, the newest first
    st.integers(0, RAW - 1),
    st.integers(0, 2),
    st.sampled_from([0, 150, -150, WINDOW_MS - 100, 100 - WINDOW_MS]),  # how far apart
)
waits = st.sampled_from([200, 30 * SECOND, 61 * SECOND, 10 * MINUTE, 61 * MINUTE])


class Track(Faults):
    """Track's part: one log of advertisements, as decode might have written it out of two raw partitions."""

    partitions = (("track", TP(ADVERTISEMENTS.name, 0)),)

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[Advertisement] = []
        self.came_at: list[int] = []
        self.ticked = [0] * RAW
        self.next = [Coordinate(0, partition, 0, 0) for partition in range(RAW)]
        self.packet_ids = dict.fromkeys((*PLAIN, SECRET), 253)
        self.counter = 1_000

    def begin(self, name: str, source: TP, position: int) -> Life:
        return Life(self.loop, self.broker, name, source, TrackStage(self.places).fold, position)

    def write(self, key: str, record: Advertisement | Tick | CounterReset) -> None:
        self.broker.write(Output(ADVERTISEMENTS.name, 0, key.encode(), encode(record)))

    def place(self, raw: int) -> Coordinate:
        epoch, partition, offset, index = (at := self.next[raw]).epoch, at.partition, at.offset, at.index
        self.next[raw] = Coordinate(epoch, partition, offset + 1, index)
        return at

    @rule(by=waits, ticking=st.sets(st.integers(0, RAW - 1)), silent=st.none() | st.booleans(), gateway=which)
    def time_goes_on(self, by: int, ticking: set[int], silent: bool | None, gateway: int) -> None:
        self.broker.now += by
        for raw in sorted(ticking):
            change = GatewayChange(f"gw-{gateway % 3}", bool(silent), self.broker.now - 130 * SECOND)
            self.ticked[raw] = self.broker.now
            self.write("", Tick(self.broker.now, self.place(raw), () if silent is None else (change,)))

    @rule(packets=st.lists(PACKETS, min_size=1, max_size=6))
    def packets_are_heard(self, packets: list[tuple[str, int, int, int, int, Any, bool]]) -> None:
        for sensor, raw, gateway, late, counted, source, back in packets:
            arrived = self.broker.now - (48 * HOUR if back else 0)
            self.packet_ids[sensor] = packet_id = (self.packet_ids[sensor] + 1) % 256
            self.counter += counted
            packet = Advertisement(
                *(sensor, f"gw-{gateway}", arrived - late, arrived, source),
                {"packet_id": packet_id, "temperature": len(self.packets) / 10, "battery": 90},
                "bluflow",
                self.place(raw),
                rssi=-60 - gateway,
                encrypted=sensor == SECRET,
                counter=self.counter if sensor == SECRET else None,
                flags=("restored",) if back else (),
            )
            self.packets.append(packet)
            self.came_at.append(max(arrived, min(self.ticked)))
            self.write(sensor, packet)

    @precondition(lambda self: self.remembered())
    @rule(copies=st.lists(COPIES, min_size=1, max_size=6))
    def they_are_heard_again(self, copies: list[tuple[int, int, int, int]]) -> None:
        """Up to two minutes apart, by whatever gateway."""
        remembered = self.remembered()
        for number, raw, gateway, apart in copies:
            first = remembered[-1 - number % len(remembered)]
            again = {
                "gateway": f"gw-{gateway}",
                "measured_at": first.measured_at + apart,
                "received_at": min(self.broker.now, first.received_at + MINUTE),
                "at": self.place(raw),
            }
            self.write(first.sensor, msgspec.structs.replace(first, **again))

    def remembered(self) -> list[Advertisement]:
        """Packets whose copies are known: the watermark has not left them behind."""
        oldest = min(self.ticked) - MEMORY_MS
        return [packet for packet, came_at in zip(self.packets, self.came_at, strict=True) if came_at >= oldest]

    @rule(sensor=st.sampled_from([*PLAIN, SECRET]), raw=st.integers(0, RAW - 1), lost=st.integers(0, 5))
    def something_happens(self, sensor: str, raw: int, lost: int) -> None:
        """A raw log loses its tail, so that its offsets come again; or a new battery, an operator's word, nonsense."""
        at = self.next[raw]
        if lost:
            self.next[raw] = Coordinate(at.epoch + 1, raw, max(0, at.offset - lost), 0)
            return
        self.packet_ids[sensor] = 255
        self.broker.write(Output(ADVERTISEMENTS.name, 0, b"k", b"\xff"))
        if sensor == SECRET:
            self.counter = 0
            self.write(SECRET, CounterReset(SECRET, self.broker.now, self.place(raw)))

    def compare(self) -> None:
        plain = Broker(self.broker.now)
        plain.logs[TP(ADVERTISEMENTS.name, 0)] = self.broker.logs[TP(ADVERTISEMENTS.name, 0)]
        self.compare_track(plain)
        assert uninterrupted.facts(self.broker) == uninterrupted.facts(plain)
        read = [decode_reading(value) for value in uninterrupted.readings(self.broker).values()]
        heard = [(packet.sensor, packet.values["temperature"]) for packet in self.packets if packet.sensor in PLAIN]
        told = [(each.sensor, each.values["temperature"]) for each in read]
        assert sorted(each for each in told if each[0] in PLAIN) == sorted(heard), "one reading a packet"


def test_track_comes_to_the_same_whatever_befalls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(Track, 400, monkeypatch)
