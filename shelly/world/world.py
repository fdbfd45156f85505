"""The virtual clock of a world: whatever is due next happens, and says so.

The same scenario and start give the same happenings, byte for byte, however fast they are played. The clock moves in
steps of 10 ms: a frame's `ts` has two decimals, and `ts - age` shall be the exact time at which a copy was heard.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from shelly.world.air import Heard, Link, links
from shelly.world.beacon import Beacon
from shelly.world.clock import STEP
from shelly.world.gateway import Gateway
from shelly.world.message import Lost, Message, Sent
from shelly.world.models import MODELS, shown
from shelly.world.plan import gateway_place, near, room_of, sensor_place
from shelly.world.room import Climate, Room
from shelly.world.scenario import Event, Scenario
from shelly.world.sensor import address, make_sensor

HEARTBEAT = 60_000
IDENTIFIES = 3_600_000  # a ZB model says each hour what it is
MISSED = 90_000  # until the MQTT broker gives a gateway up: its keep-alive and a half
FIRST_WITHIN = 5_000  # every sensor speaks soon after the start, so that nobody waits a minute for a first reading


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sensor sent a packet: what was true in its room then, and which gateways heard which copies."""

    beacon: Beacon
    climate: Climate
    heard: dict[str, tuple[Heard, ...]]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the scenario, and the name of the gateway or sensor; of a room its number."""

    at: int
    event: Event
    name: str


Happening = Spoken | Message | Lost | Happened
_Step = Iterable[Happening]


class World:
    """A scenario from `start` (unix milliseconds) on. `is_silent` is asked at each beacon, by the sensor's address."""

    def __init__(self, scenario: Scenario, start: int, is_silent: Callable[[str], bool] = lambda sensor: False) -> None:
        self.scenario, self.start = scenario, start
        self._is_silent = is_silent
        self._due: list[tuple] = []  # type: ignore[type-arg]
        self._order = count()
        self._left, self._end = scenario.count, None
        if scenario.duration is not None:
            self._end = start + round(scenario.duration * 1000)
        self._silenced: set[int] = set()
        self._rooms: dict[int, Room] = {}
        self._links: dict[int, list[Link]] = {}
        self.sensors = [
            make_sensor(
                scenario.seed,
                index,
                start,
                encrypted=plan.encrypted,
                model=plan.model,
                battery=plan.battery,
                drain=plan.drain,
            )
            for index, plan in enumerate(scenario.sensors)
        ]
        self._losses = [plan.loss for plan in scenario.gateways]
        self.gateways = self._make_gateways()
        self._begin()

    def happenings(self) -> Iterator[Happening]:
        """All that happens, in order of time; endless if nothing ends the scenario. Only once."""
        while self._due:
            at, _, step, *what = heapq.heappop(self._due)
            yield from step(at, *what)

    def messages(self) -> Iterator[Message]:
        """What the gateways send of it."""
        return (happening for happening in self.happenings() if isinstance(happening, Message))

    def _make_gateways(self) -> list[Gateway]:
        paired: dict[int, dict[str, Iterable[str]]] = {}
        if any(plan.shape.startswith("native") for plan in self.scenario.gateways):
            for index, sensor in enumerate(self.sensors):
                for link in self._links_of(index):
                    paired.setdefault(link.gateway, {})[sensor.mac] = shown(sensor.model, 0, 0, 0, 0)
        return [
            Gateway(
                index, plan, gateway_place(self.scenario, index), self.scenario.seed, self.start, paired.get(index, {})
            )
            for index, plan in enumerate(self.scenario.gateways)
        ]

    def _begin(self) -> None:
        for index, plan in enumerate(self.scenario.sensors):
            spread = min(FIRST_WITHIN, plan.interval * 1000)
            first = self.start + round(spread * (index + 0.5) / len(self.sensors))
            self._push(first, self._speak, index, Random(f"{self.scenario.seed}-gaps-{index}"), True)
            if MODELS[plan.model].identity:
                since = Random(f"{self.scenario.seed}-identity-{index}").randrange(IDENTIFIES)
                self._push(self.start + since, self._identify, index)
        for gateway in self.gateways:
            self._wake(self.start, gateway)
        for event in self.scenario.events:
            self._push(self.start + event.at, self._happen, event)

    def _wake(self, at: int, gateway: Gateway) -> None:
        if gateway.beats:
            self._push(at + 1000 + STEP * gateway.index, self._beat, gateway, gateway.boots)
        if gateway.plan.noise:
            self._push(at + 2000 + STEP * gateway.index, self._chatter, gateway, gateway.boots)

    def _push(self, at: int, step: object, *what: object) -> None:
        at = -(-at // STEP) * STEP
        heapq.heappush(self._due, (at, next(self._order), step, *what))

    def _over(self, at: int) -> bool:
        return self._left == 0 or (self._end is not None and at >= self._end)

    def _speak(self, at: int, index: int, dice: Random, first: bool) -> _Step:
        if self._over(at):
            return
        # sensors drift apart after the common start, as ones whose batteries went in at different times
        gap = self.scenario.sensors[index].interval * (dice.uniform(0.5, 1) if first else dice.uniform(0.999, 1.001))
        self._push(at + round(gap * 1000), self._speak, index, dice, False)
        yield self._packet(at, index)

    def _identify(self, at: int, index: int) -> _Step:
        if self._over(at):
            return
        self._push(at + IDENTIFIES, self._identify, index)
        yield self._packet(at, index, identity=True)

    def _packet(self, at: int, index: int, button: int | None = None, *, identity: bool = False) -> Spoken:
        if self._left is not None:
            self._left -= 1
        sensor, climate = self.sensors[index], self._room(room_of(self.scenario, index)).climate(at)
        beacon = sensor.identify(at) if identity else sensor.speak(at, climate, button)
        heard = dict[str, tuple[Heard, ...]]()
        if index not in self._silenced and not self._is_silent(sensor.mac):
            for link in self._links_of(index):
                gateway = self.gateways[link.gateway]
                copies = tuple(link.copies(beacon))
                if copies:
                    heard[gateway.name] = copies
                for copy in copies:
                    self._push(copy.at, self._hear, gateway, copy)
        return Spoken(beacon, climate, heard)

    def _hear(self, at: int, gateway: Gateway, heard: Heard) -> _Step:
        yield from self._send(at, gateway, gateway.hear(at, heard))
        self._flush_later(at, gateway)

    def _flush_later(self, at: int, gateway: Gateway) -> None:
        if gateway.program.waiting and not gateway.flushing:
            gateway.flushing = True
            self._push(at + gateway.program.wait, self._flush, gateway, gateway.boots)

    def _flush(self, at: int, gateway: Gateway, boots: int) -> _Step:
        if boots == gateway.boots and gateway.running:
            yield from self._send(at, gateway, gateway.flush(at))
            if gateway.online or not self._over(at):
                self._flush_later(at, gateway)

    def _send(self, at: int, gateway: Gateway, sent: Sent) -> _Step:
        for each in sent:
            if isinstance(each, Message) and each.at > at:
                self._push(each.at, self._say, gateway, each, gateway.boots)
            elif isinstance(each, Message):
                yield from gateway.send(at, each)
            else:
                yield each

    def _say(self, at: int, gateway: Gateway, message: Message, boots: int) -> _Step:
        if boots == gateway.boots and gateway.running:
            yield from gateway.send(at, message)
        elif message.heard:
            yield Lost(at, gateway.name, "reboot", message.heard)

    def _beat(self, at: int, gateway: Gateway, boots: int) -> _Step:
        if not self._over(at) and boots == gateway.boots and gateway.running:
            self._push(at + HEARTBEAT, self._beat, gateway, boots)
            yield from self._send(at, gateway, gateway.beat(at))

    def _chatter(self, at: int, gateway: Gateway, boots: int) -> _Step:
        if not self._over(at) and boots == gateway.boots and gateway.running:
            self._push(at + round(60_000 / gateway.plan.noise), self._chatter, gateway, boots)
            yield from gateway.send(at, gateway.chatter(at))

    def _happen(self, at: int, event: Event) -> _Step:
        if self._over(at):
            return
        if event.every:
            self._push(at + event.every, self._happen, event)
        name, after = str(event.who), at + event.lasting
        match event.kind:
            case "window":
                self._room(event.who).climate(at)
                self._room(event.who).window_open = True
                self._push(after, self._close_window, event.who)
            case "battery":
                self.sensors[event.who].change_battery(at)
            case "silent":
                self._silenced.add(event.who)
                self._push(after, self._unsilence, event.who)
            case "clock":
                self.gateways[event.who].clock.jump(event.by)
            case "offline" | "reboot":
                gateway = self.gateways[event.who]
                yield Happened(at, event, gateway.name)
                yield from self._away(at, gateway, event)
                return
        if event.kind in ("battery", "silent", "button"):
            name = self.sensors[event.who].mac
        elif event.kind == "clock":
            name = self.gateways[event.who].name
        yield Happened(at, event, name)
        if event.kind == "button":
            yield self._packet(at, event.who, event.by or 1)

    def _away(self, at: int, gateway: Gateway, event: Event) -> _Step:
        if event.kind == "reboot":
            yield from gateway.stop(at)
        gateway.online = False
        if event.lasting > MISSED:
            self._push(at + MISSED, self._miss, gateway)
        self._push(at + event.lasting, self._back, gateway)

    def _miss(self, at: int, gateway: Gateway) -> _Step:
        yield gateway.will(at)

    def _back(self, at: int, gateway: Gateway) -> _Step:
        if not gateway.running:
            gateway.boot(at)
            self._wake(at, gateway)
        yield from self._send(at, gateway, gateway.connect(at))
        self._flush_later(at, gateway)

    def _close_window(self, at: int, room: int) -> _Step:
        self._room(room).climate(at)
        self._room(room).window_open = False
        return ()

    def _unsilence(self, at: int, sensor: int) -> _Step:
        self._silenced.discard(sensor)
        return ()

    def _room(self, number: int) -> Room:
        if number not in self._rooms:
            dice = Random(f"{self.scenario.seed}-climate-{number}")
            self._rooms[number] = Room(self.scenario.weather, dice, self.start)
        return self._rooms[number]

    def _links_of(self, index: int) -> list[Link]:
        if index not in self._links:
            place = sensor_place(self.scenario, index)
            seed = f"{self.scenario.seed}-link-{index}"
            self._links[index] = links(place, seed, list(near(self.scenario, place)), self._losses)
        return self._links[index]


def addresses(scenario: Scenario) -> list[str]:
    """Of the scenario's sensors, in their order."""
    return [address(scenario.seed, index) for index in range(len(scenario.sensors))]


__all__ = ["MODELS", "Happened", "Happening", "Spoken", "World", "addresses"]
