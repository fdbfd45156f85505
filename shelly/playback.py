"""How simulated time meets the clock on the wall."""

import time
from collections.abc import Callable

from shelly.gateway import Message
from shelly.simulator import Plan


def first_moment(plan: Plan, speed: float) -> int:
    """When the simulation begins (unix milliseconds): now, or so long ago that what is played faster ends now.

    Time stamps in the future would not be trusted by anybody.
    """
    now = time.time()
    if speed != 1:
        now -= plan.duration or (plan.count or 0) / plan.sensors * plan.interval
    return round(now * 1000)


def due_at(start: int, speed: float) -> Callable[[Message], float]:
    """When to publish a message (unix seconds). Speed 0: at once."""
    begun = time.time()
    if speed == 0:
        return lambda _: 0.0
    return lambda message: begun + (message.at - start) / 1000 / speed
