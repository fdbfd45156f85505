"""What a world is made of and what happens in it. `shelly/world/scenario_file.py` reads one from YAML."""

from dataclasses import dataclass, field
from typing import Literal

from shelly.world.room import Weather

Kind = Literal["window", "battery", "reboot", "offline", "clock", "silent", "button"]


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """One gateway. `loss`: the part of copies that its scan misses. `ahead` in milliseconds, `drift` in parts in a
    million; `noise`: messages a minute that its firmware adds."""

    shape: str = "bluflow"
    loss: float = 0.3
    ahead: int = 0
    drift: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class SensorPlan:
    """One sensor. `interval` in seconds between two beacons; `battery` in percent, `drain` a day."""

    model: str = "SBHT-003C"
    interval: float = 60.0
    encrypted: bool = False
    battery: float = 100.0
    drain: float = 0.15


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens, first `at` milliseconds after the start, then every `every` if that is not 0.

    `who` counts rooms (window), sensors (battery, silent, button) or gateways (reboot, offline, clock) from 0. It takes
    `lasting` milliseconds; a clock jumps `by` so many; `by` of a button is its code.
    """

    kind: Kind
    at: int
    who: int = 0
    lasting: int = 0
    every: int = 0
    by: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world. `duration` in seconds, `count` beacons of all sensors together: what ends it; endless without.

    `spacing`: metres between two gateways.
    """

    gateways: tuple[GatewayPlan, ...] = (GatewayPlan(),) * 3
    sensors: tuple[SensorPlan, ...] = (SensorPlan(),) * 12
    events: tuple[Event, ...] = ()
    weather: Weather = field(default_factory=Weather)
    rooms: int = 0  # 0: one for each sensor
    spacing: float = 10.0
    seed: int = 1
    count: int | None = None
    duration: float | None = None
    name: str = "house"
    about: str = ""


def house(
    *,
    gateways: int = 3,
    sensors: int = 12,
    interval: float = 60.0,
    formats: tuple[str, ...] = ("bluflow",),
    encrypted: int = 0,
    native: int = 0,
    loss: float = 0.3,
    seed: int = 1,
    count: int | None = None,
    duration: float | None = None,
) -> Scenario:
    """The house of `bluflow simulate` without a scenario; gateways take the formats in turn.

    The first `encrypted` sensors have a key; the last `native` gateways run no script. Somebody airs the rooms.
    """
    scripts = max(0, gateways - native)
    shapes = [formats[index % len(formats)] for index in range(scripts)] + ["native"] * (gateways - scripts)
    plans = [SensorPlan(interval=interval, encrypted=index < encrypted) for index in range(sensors)]
    aired = [Event("window", (3 + 7 * room) * 60_000, room, 6 * 60_000, 3_600_000) for room in range(min(3, sensors))]
    return Scenario(
        gateways=tuple(GatewayPlan(shape, loss) for shape in shapes),
        sensors=tuple(plans),
        events=tuple(aired),
        seed=seed,
        count=count,
        duration=duration,
    )
