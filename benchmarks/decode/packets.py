"""The packets that both sides decode: of a hundred sensors, plain and encrypted. Needs cryptography only."""

from collections.abc import Callable

from benchmarks.meter import Meter
from shelly.world.beacon import Beacon
from shelly.world.room import Climate
from shelly.world.sensor import Sensor, make_sensor

SENSORS = 100
START, MINUTE = 1_759_622_400_000, 60_000


def sensors(*, encrypted: bool) -> list[Sensor]:
    """The sensors, with their keys if they encrypt."""
    return [make_sensor(1, index, START, encrypted=encrypted) for index in range(SENSORS)]


def beacons(count: int, *, encrypted: bool) -> list[Beacon]:
    """So many packets, the sensors in turn."""
    found = sensors(encrypted=encrypted)
    return [
        found[number % SENSORS].speak(START + number // SENSORS * MINUTE, Climate(17 + number % SENSORS / 15, 50))
        for number in range(count)
    ]


def measure(decode_all: Callable[[], int], count: int) -> None:
    """Meter one pass over `count` packets; `decode_all` gives how many temperatures it found."""
    meter = Meter()
    meter.begin()
    meter.report(count, decode_all())
