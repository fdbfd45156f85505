"""Gateways and sensors that exist only here: a pure stream of MQTT messages from a virtual clock.

The same plan and start give the same messages, byte for byte. `shelly.publisher` plays them. The clock moves in steps
of 10 ms: a frame's `ts` has two decimals, and `ts - age` shall be the exact time at which a copy was heard.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from shelly.beacon import Beacon, Sensor, make_sensor
from shelly.envelopes import FORMATS, Heard
from shelly.gateway import NATIVE, Gateway, Message
from shelly.native import Components

COPIES = 6
COPY_GAP = 150  # milliseconds
STEP = 10
HEARTBEAT = 60_000
FIRST_WITHIN = 5_000  # every sensor speaks soon after the start, so that nobody waits a minute for a first reading


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate. `interval` and `duration` in seconds; `count` beacons of all sensors together.

    The last `native` gateways run no script.
    """

    gateways: int = 3
    sensors: int = 12
    interval: float = 60.0
    formats: tuple[str, ...] = ("bluflow",)
    encrypted: int = 0
    seed: int = 1
    loss: float = 0.3
    count: int | None = None
    duration: float | None = None
    native: int = 0

    def make_sensors(self) -> list[Sensor]:
        """The sensors; the first `encrypted` of them have a key."""
        return [make_sensor(self.seed, index, encrypted=index < self.encrypted) for index in range(self.sensors)]

    def make_gateways(self, start: int) -> list[Gateway]:
        """The gateways, switched on at `start`; they take the formats in turn."""
        scripts = max(0, self.gateways - self.native)
        formats = [self.formats[index % len(self.formats)] for index in range(scripts)]
        formats += [NATIVE] * (self.gateways - scripts)
        gateways = [Gateway(index, format_name, start) for index, format_name in enumerate(formats)]
        for gateway in gateways[scripts:]:
            gateway.components = Components(gateway.name, self._paired_with(gateway))
        return gateways

    def in_range(self, sensor: str) -> list[tuple[int, int]]:
        """Which gateways hear a sensor, by index, and how loud (dBm): one to three of them."""
        dice = Random(f"{self.seed}-range-{sensor}")
        near = dice.sample(range(self.gateways), dice.randint(1, min(3, self.gateways)))
        return [(index, dice.randint(-85, -50)) for index in near]

    def _paired_with(self, gateway: Gateway) -> list[str]:
        heard = {sensor.mac: dict(self.in_range(sensor.mac)) for sensor in self.make_sensors()}
        return [mac for mac, gateways in heard.items() if gateway.index in gateways]


@dataclass(frozen=True, slots=True)
class _Range:
    """How one gateway hears one sensor."""

    gateway: Gateway
    rssi: int


def messages(plan: Plan, start: int, is_silent: Callable[[str], bool] = lambda sensor: False) -> Iterator[Message]:
    """Every message from `start` (unix milliseconds) on, in order of time; endless without `count` and `duration`.

    `is_silent` is asked at each beacon of a sensor, by its address: as if it were out of range.
    """
    air = _Air(plan, start, is_silent)
    while air.due:
        at, _, step, *what = heapq.heappop(air.due)
        message = step(at, *what)
        if message:
            yield message


class _Air:
    """The virtual clock's list of what is due: (time, order of entry, step, its arguments)."""

    def __init__(self, plan: Plan, start: int, is_silent: Callable[[str], bool]) -> None:
        self.plan = plan
        self.is_silent = is_silent
        self.end = None if plan.duration is None else start + round(plan.duration * 1000)
        self.left = plan.count
        self.begun: set[str] = set()
        self.due: list[tuple] = []  # type: ignore[type-arg]
        self._order = count()
        self.in_range: dict[str, list[_Range]] = {}
        # packet ids move on with the start, so that a simulator started again does not repeat the last minute's
        restart = start // 1000 % 256
        gateways = plan.make_gateways(start)
        for index, sensor in enumerate(plan.make_sensors()):
            self.in_range[sensor.mac] = [_Range(gateways[near], rssi) for near, rssi in plan.in_range(sensor.mac)]
            spread = min(FIRST_WITHIN, plan.interval * 1000)
            self._push(start + round(spread * (index + 0.5) / plan.sensors), self._send, sensor, restart)
        for gateway in gateways:
            if gateway.format == "bluflow":
                self._push(start + 1000 + 10 * gateway.index, self._beat, gateway)

    def _push(self, at: int, step: object, *what: object) -> None:
        at = -(-at // STEP) * STEP
        heapq.heappush(self.due, (at, next(self._order), step, *what))

    def _over(self, at: int) -> bool:
        return self.left == 0 or (self.end is not None and at >= self.end)

    def _send(self, at: int, sensor: Sensor, number: int) -> None:
        if self._over(at):
            return
        if self.left is not None:
            self.left -= 1
        beacon = sensor.beacon(number, at)
        for place in () if self.is_silent(sensor.mac) else self.in_range[sensor.mac]:
            for heard in _receive(self.plan, beacon, place):
                self._push(heard.at, self._hear, place.gateway, heard)
        # sensors drift apart after the common start, as ones whose batteries went in at different times
        dice = Random(f"{self.plan.seed}-{sensor.mac}-{at}-gap")
        first = sensor.mac not in self.begun
        self.begun.add(sensor.mac)
        gap = self.plan.interval * (dice.uniform(0.5, 1) if first else dice.uniform(0.999, 1.001))
        self._push(at + round(gap * 1000), self._send, sensor, number + 1)

    def _hear(self, at: int, gateway: Gateway, heard: Heard) -> Message | None:
        if gateway.format == NATIVE:
            device, sensors = gateway.hear_natively(at, heard) or (None, None)
            self._push(at + STEP, self._say, sensors)
            return device
        message = gateway.hear(at, heard)
        if len(gateway.batch) == 1:
            self._push(at + gateway.script.wait, self._flush, gateway, gateway.batch_number)
        return message

    def _say(self, at: int, message: Message | None) -> Message | None:
        return message

    def _flush(self, at: int, gateway: Gateway, batch_number: int) -> Message | None:
        # a batch that filled up went out before its time; its timer then finds another number
        return gateway.flush(at) if batch_number == gateway.batch_number and gateway.batch else None

    def _beat(self, at: int, gateway: Gateway) -> Message | None:
        if self._over(at):
            return None
        self._push(at + HEARTBEAT, self._beat, gateway)
        return gateway.beat(at)


def _receive(plan: Plan, beacon: Beacon, place: _Range) -> Iterator[Heard]:
    """The copies of a beacon that one gateway gets: its own losses, delays and loudness."""
    dice = Random(f"{plan.seed}-{beacon.sensor}-{beacon.sent_at}-{place.gateway.index}")
    for copy in range(COPIES):
        lost, delay, rssi = dice.random() < plan.loss, dice.randrange(0, 30, STEP), place.rssi + round(dice.gauss(0, 3))
        if not lost:
            yield Heard(beacon.sent_at + copy * COPY_GAP + delay, rssi, beacon)


def parse_formats(text: str) -> tuple[str, ...]:
    """`mixed`, or names separated by commas. Raises ValueError for an unknown one."""
    names = tuple(FORMATS) if text == "mixed" else tuple(text.split(","))
    for name in names:
        if name not in FORMATS:
            raise ValueError(f"no format {name!r}; there are mixed, {', '.join(FORMATS)}")
    return names
