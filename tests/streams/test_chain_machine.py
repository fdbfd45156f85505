"""From raw frames to readings: whatever befalls decode's and track's workers, the same comes of the same frames.

The stories of `machine.py`, told of two raw partitions, two of advertisements, and the worker of each.
"""

import json
from collections import defaultdict
from typing import Any

import pytest
from faust.types import TP
from hypothesis import strategies as st
from hypothesis.stateful import rule

from schemas.advertisement import Advertisement
from schemas.codec import decode_advertisement, decode_reading
from schemas.frame import Frame, tick_headers
from schemas.topics import ADVERTISEMENTS, RAW_FRAMES
from shelly.beacon import encrypt, service_data
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
# the copies of a packet stay within its two minutes, also where a clock is wrong and the arrival counts
COPIES = st.lists(st.tuples(gateways, st.sampled_from([0, 150, 40 * SECOND, 100 * SECOND])), min_size=1, max_size=3)
PACKETS = st.lists(st.tuples(st.sampled_from([*PLAIN, SECRET]), COPIES, st.booleans()), min_size=1, max_size=4)
ODD = st.sampled_from(["garbage", "no headers", "bad element", "offline", "beat", "battery", "inventory", "script"])


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

    @rule(
        by=st.sampled_from([200, 30 * SECOND, 61 * SECOND, 3 * MINUTE, 61 * MINUTE]),
        ticking=st.sets(st.integers(0, RAW - 1)),
    )
    def time_goes_on(self, by: int, ticking: set[int]) -> None:
        self.wait(by)
        for raw in sorted(ticking):
            self.broker.write(Output(RAW_FRAMES.name, raw, b"", b"", tuple(tick_headers(self.broker.now))))

    def wait(self, by: int) -> None:
        """The bridge writes what arrives meanwhile."""
        until = self.broker.now + by
        for arrival, _, output in sorted(self.on_the_way):
            if arrival <= until:
                self.broker.now = arrival
                self.broker.write(output)
        self.on_the_way = [each for each in self.on_the_way if each[0] > until]
        self.broker.now = until

    @rule(packets=PACKETS)
    def sensors_speak(self, packets: list[tuple[str, list[tuple[str, int]], bool]]) -> None:
        for sensor, copies, queued in packets:
            self.numbers[sensor] += 1
            self.packet_ids[sensor] = packet_id = (self.packet_ids[sensor] + 1) % 256
            said = service_data(packet_id, 90, 50, self.numbers[sensor] / 10)
            if sensor == SECRET:
                said = encrypt(said, sensor, KEY, counter=self.numbers[sensor])
            for gateway, delay in copies:
                told, arrival = self.broker.now + self.skews[gateway], self.broker.now + delay
                waited = queued and gateway == RIGHT  # a wrong clock cannot be told from a frame that waited
                self.send(gateway, frame(gateway, sensor, said.hex(), told, arrival, queued=waited))
            self.wait(SECOND)

    @rule(delay=st.sampled_from([0, 1_000, 5_000]), battery=st.booleans())
    def a_gateway_decodes_one_itself(self, delay: int, battery: bool) -> None:
        """In parts, of which one may come late, or not at all."""
        self.numbers[NATIVE] += 1
        second = (self.broker.now + self.skews[RIGHT]) // 1000
        values = {"battery": 90, "temperature": self.numbers[NATIVE] / 10}
        parts = {
            name: {f"bthomesensor:{component}": {"value": values[name], "last_updated_ts": second}}
            for name, (component, _) in OBJECTS.items()
        }
        device = {"bthomedevice:200": {"rssi": -70, "last_updated_ts": second}}
        self.notifies(RIGHT, device | parts["temperature"])
        if battery:
            self.notifies(RIGHT, parts["battery"], delay)
        self.wait(SECOND)

    @rule(gateway=gateways.filter(lambda name: name != RIGHT), ahead=st.sampled_from([0, HOUR, -HOUR, -24 * HOUR]))
    def a_gateways_clock_is_set(self, gateway: str, ahead: int) -> None:
        self.skews[gateway] = ahead

    @rule(gateway=gateways, what=ODD, sensor=st.sampled_from(PLAIN))
    def something_happens(self, gateway: str, what: str, sensor: str) -> None:
        event = {"component": "script:1", "event": "bluflow", "ts": self.broker.now / 1000}
        match what:
            case "garbage":
                self.says(gateway, f"{gateway}/events/rpc", b"\xff{")
            case "no headers":
                self.broker.write(Output(RAW_FRAMES.name, GATEWAYS[gateway], b"k", b"v"))
            case "bad element":
                event |= {"data": {"v": 1, "d": [["nobody", -1, 0, "44"]]}}
                body = {"src": gateway, "method": "NotifyEvent", "params": {"ts": 1, "events": [event]}}
                self.says(gateway, f"{gateway}/events/rpc", body)
            case "offline":
                self.says(gateway, f"{gateway}/online", b"false")
            case "beat":
                event |= {"data": {"v": 1, "hb": {"up": 3}}}
                body = {"src": gateway, "method": "NotifyEvent", "params": {"ts": 1, "events": [event]}}
                self.says(gateway, f"{gateway}/events/rpc", body)
            case "battery":
                self.packet_ids[sensor] = 255
            case "inventory":
                page = {"components": COMPONENTS, "cfg_rev": 7, "offset": 0, "total": len(COMPONENTS)}
                self.says("gw-a", "bluflow/gw-a/rpc", {"id": 1, "src": "gw-a", "dst": "bluflow/gw-a", "result": page})
            case "script":
                self.notifies(gateway, {"script:1": {"running": False}, "sys": {"uptime": 5}})
        self.wait(SECOND)

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
    tell(Chain, 300, monkeypatch)
