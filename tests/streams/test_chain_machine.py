"""From raw frames to readings: whatever befalls decode's and track's workers, the same comes of the same frames.

The stories of `machine.py`, told of two raw partitions, two of advertisements, and the worker of each.
"""

import json
from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from faust.types import TP
from hypothesis import strategies as st
from hypothesis.stateful import rule

from schemas.advertisement import Advertisement
from schemas.codec import decode_advertisement, decode_reading
from schemas.frame import Frame, tick_headers
from schemas.topics import ADVERTISEMENTS, RAW_FRAMES
from shelly.world.beacon import encrypt, service_data
from streams.decode import DecodeStage
from streams.engine import Output
from streams.engine.tails import CLOCKS_MS, mark_after
from streams.track import TrackStage
from tests.streams import uninterrupted
from tests.streams.lives import Broker, Life
from tests.streams.machine import RAW, Faults, tell, which
from tests.streams.replay.logs import frame
from tests.streams.tracking import HOUR, MINUTE, SECOND

GATEWAYS = {"gw-a": 0, "gw-b": 1, "gw-c": 1}  # and their raw partitions
RIGHT = "gw-a"  # its clock always is
PLAIN = ("7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:01")  # in a partition of advertisements each
SECRET, NATIVE = "7c:c6:b6:01:02:03", "7c:c6:b6:00:00:02"
KEY = bytes(range(16))
OBJECTS = {"battery": (201, 1), "temperature": (202, 69)}  # component, BTHome object id
COMPONENTS = [
    {"key": "bthomedevice:200", "config": {"addr": NATIVE}},
    *(
        {"key": f"bthomesensor:{component}", "config": {"addr": NATIVE, "obj_id": obj_id, "idx": 0}}
        for component, obj_id in OBJECTS.values()
    ),
]

gateways = st.sampled_from([*GATEWAYS])


class Time(NamedTuple):
    """Goes on; some raw partitions get a tick."""

    by: int
    ticking: set[int]


class Packet(NamedTuple):
    """Heard by gateways, each after a delay on the way to the bridge; perhaps queued there."""

    sensor: str
    copies: list[tuple[str, int]]
    queued: bool


class Decoded(NamedTuple):
    """A packet that a gateway decodes itself: in parts, of which one may come late, or not at all."""

    delay: int
    battery: bool


class Clock(NamedTuple):
    """Of a gateway is set."""

    gateway: str
    ahead: int


class Odd(NamedTuple):
    """Something else that a gateway sends, or a sensor's new battery."""

    gateway: str
    what: str
    sensor: str


EVENTS = st.one_of(
    st.builds(
        Time,
        st.sampled_from([200, 30 * SECOND, 61 * SECOND, 3 * MINUTE, 61 * MINUTE]),
        st.sets(st.integers(0, RAW - 1)),
    ),
    st.builds(
        Packet,
        st.sampled_from([*PLAIN, SECRET]),
        # copies stay within a packet's two minutes, also where a clock is wrong and the arrival counts
        st.lists(st.tuples(gateways, st.sampled_from([0, 150, 40 * SECOND, 100 * SECOND])), min_size=1, max_size=3),
        st.booleans(),
    ),
    st.builds(Decoded, st.sampled_from([0, 1_000, 5_000]), st.booleans()),
    st.builds(Clock, gateways.filter(lambda name: name != RIGHT), st.sampled_from([0, HOUR, -HOUR, -24 * HOUR])),
    st.builds(
        Odd,
        gateways,
        st.sampled_from(["garbage", "no headers", "bad element", "offline", "beat", "battery", "inventory", "script"]),
        st.sampled_from(PLAIN),
    ),
)


class Chain(Faults):
    """Sensors speak, gateways hear them with clocks and delays of their own, the bridge writes and ticks."""

    partitions = (
        *(("decode", TP(RAW_FRAMES.name, partition)) for partition in range(RAW)),
        *(("track", TP(ADVERTISEMENTS.name, partition)) for partition in range(2)),
    )

    def __init__(self) -> None:
        super().__init__()
        self.numbers = dict.fromkeys((*PLAIN, SECRET, NATIVE), 0)
        self.packet_ids = dict.fromkeys(self.numbers, 253)
        self.skews = dict.fromkeys(GATEWAYS, 0)
        self.on_the_way: list[tuple[int, int, Output]] = []  # arrival, how many were sent before, record
        # of each raw partition: what was read of former epochs, and where this one begins
        self.stories: defaultdict[int, list[Any]] = defaultdict(list)
        self.begins: defaultdict[int, int] = defaultdict(int)

    def begin(self, name: str, source: TP, position: int) -> Life:
        if name == "track":
            return Life(self.loop, self.broker, name, source, TrackStage(self.places).fold, position)
        stage, log = DecodeStage(self.places, lambda: {SECRET: KEY}), self.broker.logs[source]
        life = Life(self.loop, self.broker, name, source, stage.fold, position)
        mark = stage.mark(life.states)
        read = mark.next_offset
        life.begin_at(read or position)
        if read and not (read <= len(log) and mark_after(log[read - 1]) == mark):
            later = (record.offset for record in log if record.timestamp >= mark.written_at - CLOCKS_MS)
            life.begin_at(next(later, len(log)))
            stage.begin_epoch(life.states, life.position)
        return life

    def send(self, gateway: str, sent: Frame) -> None:
        """On its way to the bridge, where it is at the frame's arrival."""
        output = Output(RAW_FRAMES.name, GATEWAYS[gateway], gateway.encode(), sent.payload, tuple(sent.headers()))
        self.on_the_way.append((sent.received_at, len(self.on_the_way), output))

    def says(self, gateway: str, what: str, payload: Any, after: int = 0) -> None:
        """A frame of the gateway, other than our script's."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send(gateway, Frame(what, body, self.broker.now + after))

    def notifies(self, gateway: str, params: dict[str, Any], after: int = 0) -> None:
        told = (self.broker.now + self.skews[gateway]) / 1000
        body = {"src": gateway, "method": "NotifyStatus", "params": {"ts": told, **params}}
        self.says(gateway, f"{gateway}/events/rpc", body, after)

    @rule(events=st.lists(EVENTS, min_size=2, max_size=6))
    def it_happens(self, events: list[Time | Packet | Decoded | Clock | Odd]) -> None:
        for event in events:
            match event:
                case Time(by, ticking):
                    self.wait(by)
                    for raw in sorted(ticking):
                        self.broker.write(Output(RAW_FRAMES.name, raw, b"", b"", tuple(tick_headers(self.broker.now))))
                case Packet():
                    self.is_heard(event)
                case Decoded():
                    self.is_decoded(event)
                case Clock(gateway, ahead):
                    self.skews[gateway] = ahead
                case Odd():
                    self.is_odd(event)
            self.wait(SECOND)

    def wait(self, by: int) -> None:
        """The bridge writes what arrives meanwhile."""
        until = self.broker.now + by
        for arrival, _, output in sorted(self.on_the_way):
            if arrival <= until:
                self.broker.now = arrival
                self.broker.write(output)
        self.on_the_way = [each for each in self.on_the_way if each[0] > until]
        self.broker.now = until

    def is_heard(self, packet: Packet) -> None:
        sensor = packet.sensor
        self.numbers[sensor] += 1
        self.packet_ids[sensor] = packet_id = (self.packet_ids[sensor] + 1) % 256
        said = service_data(packet_id, 90, 50, self.numbers[sensor] / 10)
        if sensor == SECRET:
            said = encrypt(said, sensor, KEY, counter=self.numbers[sensor])
        for gateway, delay in packet.copies:
            told, arrival = self.broker.now + self.skews[gateway], self.broker.now + delay
            waited = packet.queued and gateway == RIGHT  # a wrong clock cannot be told from a frame that waited
            self.send(gateway, frame(gateway, sensor, said.hex(), told, arrival, queued=waited))

    def is_decoded(self, packet: Decoded) -> None:
        self.numbers[NATIVE] += 1
        second = (self.broker.now + self.skews[RIGHT]) // 1000
        values = {"battery": 90, "temperature": self.numbers[NATIVE] / 10}
        parts = {
            name: {f"bthomesensor:{component}": {"value": values[name], "last_updated_ts": second}}
            for name, (component, _) in OBJECTS.items()
        }
        device = {"bthomedevice:200": {"rssi": -70, "last_updated_ts": second}}
        self.notifies(RIGHT, device | parts["temperature"])
        if packet.battery:
            self.notifies(RIGHT, parts["battery"], packet.delay)

    def is_odd(self, odd: Odd) -> None:
        gateway, event = odd.gateway, {"component": "script:1", "event": "bluflow", "ts": self.broker.now / 1000}
        match odd.what:
            case "garbage":
                self.says(gateway, f"{gateway}/events/rpc", b"\xff{")
            case "no headers":
                self.broker.write(Output(RAW_FRAMES.name, GATEWAYS[gateway], b"k", b"v"))
            case "bad element" | "beat":
                heartbeat, nobody = {"v": 1, "hb": {"up": 3}}, {"v": 1, "d": [["nobody", -1, 0, "44"]]}
                event |= {"data": heartbeat if odd.what == "beat" else nobody}
                body = {"src": gateway, "method": "NotifyEvent", "params": {"ts": 1, "events": [event]}}
                self.says(gateway, f"{gateway}/events/rpc", body)
            case "offline":
                self.says(gateway, f"{gateway}/online", b"false")
            case "battery":
                self.packet_ids[odd.sensor] = 255
            case "inventory":
                page = {"components": COMPONENTS, "cfg_rev": 7, "offset": 0, "total": len(COMPONENTS)}
                answer = {"id": 1, "src": RIGHT, "dst": f"bluflow/{RIGHT}", "result": page}
                self.says(RIGHT, f"bluflow/{RIGHT}/rpc", answer)
            case "script":
                self.notifies(gateway, {"script:1": {"running": False}, "sys": {"uptime": 5}})

    @rule(number=which, lost=st.integers(1, 6))
    def a_raw_log_loses_its_tail(self, number: int, lost: int) -> None:
        """The broker is killed when decode has written all it ever read, and its workers are started again."""
        name, source = self.partitions[number % RAW]
        raw, log, life = source.partition, self.broker.logs[source], self.lives[source]
        for zombie in [zombie for zombie in self.zombies if zombie.source == source]:
            zombie.end()
            self.zombies.remove(zombie)
        life.read(self.furthest[source] - life.position)
        life.settle()
        life.end()
        read, read_until = log[self.begins[raw] : life.position], life.position
        del log[max(0, len(log) - lost) :]
        heir = self.lives[source] = self.begin(name, source, min(self.committed[source], len(log)))
        if heir.position != read_until:
            self.furthest[source] = self.begins[raw] = heir.position
            if not read and self.stories[raw]:
                self.stories[raw].pop()  # nobody read anything in that epoch
            self.stories[raw] += [*read, heir.position]

    def compare(self) -> None:
        plain = Broker(self.broker.now)
        for name, source in self.partitions:
            raw = source.partition
            if name == "decode":
                story = [*self.stories[raw], *self.broker.logs[source][self.begins[raw] :]]
                stage = DecodeStage(self.places, lambda: {SECRET: KEY})
                expected = uninterrupted.decode(stage, plain, story, raw)
                assert self.states(name, raw) == expected
        assert uninterrupted.forwarded(self.broker) == uninterrupted.forwarded(plain)
        for partition in range(2):
            place = TP(ADVERTISEMENTS.name, partition)
            plain.logs[place] = self.broker.logs[place]
        self.compare_track(plain)
        assert uninterrupted.facts(self.broker) == uninterrupted.facts(plain)
        heard = set()
        for record in self.broker.read(ADVERTISEMENTS.name):
            said = decode_advertisement(record.value)
            if isinstance(said, Advertisement) and said.sensor in PLAIN:
                heard.add((said.sensor, said.values["temperature"]))
        read = map(decode_reading, uninterrupted.readings(self.broker).values())
        told = [(each.sensor, each.values["temperature"]) for each in read if each.sensor in PLAIN]
        assert sorted(told) == sorted(heard), "one reading a packet"


def test_the_chain_comes_to_the_same_whatever_befalls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(Chain, monkeypatch)
