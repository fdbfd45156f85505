"""Whatever is read again, killed in the middle or written late by a zombie: the same states, the same outputs.

Track alone: each story of `machine.py` is compared with its log folded in one pass without faults.
"""

from typing import Any, NamedTuple

import msgspec
import pytest
from faust.types import TP
from hypothesis import strategies as st
from hypothesis.stateful import rule

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

RAWS, GATEWAYS = st.integers(0, RAW - 1), st.integers(0, 2)


class Time(NamedTuple):
    """Goes on; some raw partitions get a tick, which may tell that a gateway fell silent, or spoke."""

    by: int
    ticking: set[int]
    silent: bool | None
    gateway: int


class Packet(NamedTuple):
    """`late` after it was measured, its counter goes on by `counted`; or it comes back after two days."""

    sensor: str
    raw: int
    gateway: int
    late: int
    counted: int
    source: Any
    back: bool


class Copy(NamedTuple):
    """Of a packet that is remembered, the newest first, so far apart."""

    number: int
    raw: int
    gateway: int
    apart: int


EVENTS = st.one_of(
    st.builds(
        Time,
        st.sampled_from([200, 30 * SECOND, 61 * SECOND, 10 * MINUTE, 61 * MINUTE]),
        st.sets(RAWS),
        st.none() | st.booleans(),
        GATEWAYS,
    ),
    st.builds(
        Packet,
        st.sampled_from([*PLAIN, SECRET]),
        RAWS,
        GATEWAYS,
        st.sampled_from([0, 0, 700, 70 * SECOND, 14 * MINUTE, 40 * MINUTE]),
        st.sampled_from([1, 1, 1, 0, -3]),
        st.sampled_from(["gateway", "gateway", "arrival", "unknown"]),
        st.sampled_from([False, False, False, True]),
    ),
    st.builds(Copy, which, RAWS, GATEWAYS, st.sampled_from([0, 150, -150, WINDOW_MS - 100, 100 - WINDOW_MS])),
)


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

    @rule(events=st.lists(EVENTS, min_size=3, max_size=10))
    def is_written(self, events: list[Time | Packet | Copy]) -> None:
        for event in events:
            match event:
                case Time():
                    self.time_goes_on(event)
                case Packet():
                    self.is_heard(event)
                case Copy():
                    self.is_heard_again(event)

    def time_goes_on(self, time: Time) -> None:
        self.broker.now += time.by
        for raw in sorted(time.ticking):
            change = GatewayChange(f"gw-{time.gateway}", bool(time.silent), self.broker.now - 130 * SECOND)
            self.ticked[raw] = self.broker.now
            self.write("", Tick(self.broker.now, self.place(raw), () if time.silent is None else (change,)))

    def is_heard(self, packet: Packet) -> None:
        sensor, arrived = packet.sensor, self.broker.now - (48 * HOUR if packet.back else 0)
        self.packet_ids[sensor] = packet_id = (self.packet_ids[sensor] + 1) % 256
        self.counter += packet.counted
        said = Advertisement(
            *(sensor, f"gw-{packet.gateway}", arrived - packet.late, arrived, packet.source),
            {"packet_id": packet_id, "temperature": len(self.packets) / 10, "battery": 90},
            "bluflow",
            self.place(packet.raw),
            rssi=-60 - packet.gateway,
            encrypted=sensor == SECRET,
            counter=self.counter if sensor == SECRET else None,
            flags=("restored",) if packet.back else (),
        )
        self.packets.append(said)
        self.came_at.append(max(arrived, min(self.ticked)))
        self.write(sensor, said)

    def is_heard_again(self, copy: Copy) -> None:
        remembered = self.remembered()
        if remembered:
            first = remembered[-1 - copy.number % len(remembered)]
            again = {
                "gateway": f"gw-{copy.gateway}",
                "measured_at": first.measured_at + copy.apart,
                "received_at": min(self.broker.now, first.received_at + MINUTE),
                "at": self.place(copy.raw),
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
    tell(Track, monkeypatch)
