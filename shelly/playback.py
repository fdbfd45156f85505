"""How simulated time meets the clock on the wall."""

import time
from collections.abc import Callable

from shelly.world.message import Message
from shelly.world.scenario import Scenario


def first_moment(scenario: Scenario, speed: float) -> int:
    """When the world begins (unix milliseconds): now, or so long ago that what is played faster ends now.

    Time stamps in the future would not be trusted by anybody.
    """
    now = time.time()
    if speed != 1:
        slowest = max(sensor.interval for sensor in scenario.sensors)
        now -= scenario.duration or (scenario.count or 0) / len(scenario.sensors) * slowest
    return round(now * 1000)


def due_at(start: int, speed: float) -> Callable[[Message], float]:
    """When to publish a message (unix seconds). Speed 0: at once."""
    begun = time.time()
    if speed == 0:
        return lambda _: 0.0
    return lambda message: begun + (message.at - start) / 1000 / speed
