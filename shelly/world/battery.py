"""A sensor's battery: it goes down a little each day, until somebody puts in a new one."""

import math
from dataclasses import dataclass

_DAY = 86_400_000
LOW = 15  # percent: the display says so


@dataclass(slots=True)
class Battery:
    """`full` percent at `since` (unix milliseconds), `drain` percent less each day."""

    full: float
    drain: float
    since: int

    def level(self, at: int) -> int:
        """Percent, at that time; an empty one still says 1."""
        return max(1, math.ceil(self.full - self.drain * (at - self.since) / _DAY))

    def change(self, at: int) -> None:
        """A new one."""
        self.full, self.since = 100, at
