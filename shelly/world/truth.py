"""The truth file: what sensors really measured and sent, who heard it, what became of it. JSON lines, one a happening.

`what` says which kind a line is. Times are unix milliseconds by the true clock. A packet is named by its sensor and its
`number`, which counts that sensor's packets from 0 and never wraps. `carries` lists packets as [sensor, number].
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from shelly.world.air import Heard
from shelly.world.message import Lost, Message
from shelly.world.world import Happened, Happening, Spoken, World

VERSION = 1
Packet = tuple[str, int]


class Head(msgspec.Struct, frozen=True, tag_field="what", tag="world"):
    """The first line: the scenario, when it began, how fast it was played (0: as fast as it goes).

    `gateways`: name -> shape. `sensors`: address -> model.
    """

    version: int
    scenario: str
    seed: int
    start: int
    speed: float
    gateways: dict[str, str]
    sensors: dict[str, str]


class Sent(msgspec.Struct, frozen=True, tag_field="what", tag="sent"):
    """A packet that a sensor sent. `values` went over the air, `climate` is what was true in the room.

    `heard`: gateway -> its copies as [time, rssi in dBm]. `data` is the service data in hex.
    """

    sensor: str
    number: int
    packet_id: int
    at: int
    encrypted: bool
    counter: int | None
    data: str
    values: Mapping[str, Any]
    climate: Mapping[str, float]
    heard: Mapping[str, list[tuple[int, int]]]

    @property
    def packet(self) -> Packet:
        return self.sensor, self.number


class Published(msgspec.Struct, frozen=True, tag_field="what", tag="published"):
    """A message that the MQTT broker acknowledged; one of QoS 0 was only sent."""

    gateway: str
    at: int
    topic: str
    qos: int
    carries: list[Packet]


class Dropped(msgspec.Struct, frozen=True, tag_field="what", tag="dropped"):
    """Packets that a gateway heard and lost; `why` is one of shelly/world/message.py's words."""

    gateway: str
    at: int
    why: str
    carries: list[Packet]


class Event(msgspec.Struct, frozen=True, tag_field="what", tag="event"):
    """Something of the scenario happened to a gateway, a sensor, or the room of that number."""

    kind: str
    at: int
    name: str
    lasting: int
    by: int


Line = Head | Sent | Published | Dropped | Event
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def head_of(world: World, speed: float) -> Head:
    """The first line of its file."""
    scenario = world.scenario
    gateways = {gateway.name: gateway.plan.shape for gateway in world.gateways}
    sensors = {sensor.mac: plan.model for sensor, plan in zip(world.sensors, scenario.sensors, strict=True)}
    return Head(VERSION, scenario.name, scenario.seed, world.start, float(speed), gateways, sensors)


def line_of(happening: Happening) -> Line:
    """What the file says of it. A message counts as published: call it when it is."""
    match happening:
        case Spoken(beacon, climate, heard):
            return Sent(
                beacon.sensor,
                beacon.number,
                beacon.packet_id,
                beacon.sent_at,
                beacon.encrypted,
                beacon.counter,
                beacon.service_data.hex(),
                beacon.values,
                {name: round(value, 3) for name, value in climate._asdict().items()},
                {gateway: [(copy.at, copy.rssi) for copy in copies] for gateway, copies in heard.items()},
            )
        case Message():
            carries = packets(happening.heard)
            return Published(happening.gateway, happening.at, happening.topic, happening.qos, carries)
        case Lost():
            return Dropped(happening.gateway, happening.at, happening.why, packets(happening.heard))
        case Happened(at, event, name):
            return Event(event.kind, at, name, event.lasting, event.by)


def packets(heard: Iterable[Heard]) -> list[Packet]:
    """The packets of these copies, each once."""
    return list(dict.fromkeys((one.beacon.sensor, one.beacon.number) for one in heard))


def write(line: Line) -> bytes:
    """One line of the file, with its end."""
    return _encode(line) + b"\n"


def read(text: bytes) -> Line:
    """One line of the file. Raises msgspec.MsgspecError."""
    line: Line = _decode(text)
    return line
