"""Where everything stands: gateways on a square grid, rooms around them, sensors in their rooms."""

import math
from collections.abc import Iterator
from random import Random

from shelly.world.air import FARTHEST, Place
from shelly.world.scenario import Scenario

_ROOM = 6.0  # metres from its gateway to the middle of a room, at most
_IN_ROOM = 1.5


def gateway_place(scenario: Scenario, index: int) -> Place:
    """Of gateway number `index`."""
    columns = _columns(scenario)
    return index % columns * scenario.spacing, index // columns * scenario.spacing


def room_of(scenario: Scenario, sensor: int) -> int:
    """The room that sensor number `sensor` stands in."""
    return sensor % scenario.rooms if scenario.rooms else sensor


def sensor_place(scenario: Scenario, index: int) -> Place:
    """Of sensor number `index`."""
    room = room_of(scenario, index)
    middle = Random(f"{scenario.seed}-room-{room}")
    x, y = gateway_place(scenario, room % len(scenario.gateways))
    x, y = x + middle.uniform(-_ROOM, _ROOM), y + middle.uniform(-_ROOM, _ROOM)
    own = Random(f"{scenario.seed}-place-{index}")
    return x + own.uniform(-_IN_ROOM, _IN_ROOM), y + own.uniform(-_IN_ROOM, _IN_ROOM)


def near(scenario: Scenario, place: Place) -> Iterator[tuple[int, Place]]:
    """The gateways, by index and place, that are not too far away to be heard."""
    columns, spacing = _columns(scenario), scenario.spacing
    reach = math.ceil(FARTHEST / spacing)
    column, row = round(place[0] / spacing), round(place[1] / spacing)
    for y in range(max(0, row - reach), row + reach + 1):
        for x in range(max(0, column - reach), min(columns, column + reach + 1)):
            index = y * columns + x
            if index < len(scenario.gateways):
                yield index, gateway_place(scenario, index)


def _columns(scenario: Scenario) -> int:
    return max(1, math.ceil(math.sqrt(len(scenario.gateways))))
