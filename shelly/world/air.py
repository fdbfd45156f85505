"""The radio between sensors and gateways: loudness falls with distance, faint copies are lost, each receiver its own.

Log-distance path loss: 59 dB below the sender a metre away, 25 dB more for each tenfold distance, walls included.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from shelly.world.beacon import Beacon

Place = tuple[float, float]  # metres

COPIES, COPY_GAP = 6, 150  # milliseconds
PRESS_COPIES, PRESS_GAP = 40, 25  # of a button press
_STEP, _LONGEST_DELAY = 10, 30
_AT_ONE_METRE, _DECADE = -59.0, 25.0  # dBm, dB
_SHADOW, _FADE = 3.0, 3.0  # dB: what stands between two, and what changes from copy to copy
_HALF_LOST, _SLOPE = -92.0, 1.5  # dBm
FAINTEST = -100.0
FARTHEST = 40.0  # metres: nobody farther is asked


@dataclass(frozen=True, slots=True)
class Heard:
    """One copy of a beacon as one gateway received it: when (unix milliseconds) and how loud (dBm)."""

    at: int
    rssi: int
    beacon: Beacon


@dataclass(slots=True)
class Link:
    """From one sensor to one gateway: how loud it is on average (dBm), and the dice of what is lost.

    `loss`: the part of all copies that comes between two windows of the gateway's scan.
    """

    gateway: int
    rssi: float
    loss: float
    dice: Random

    def copies(self, beacon: Beacon) -> Iterator[Heard]:
        """The copies of a beacon that arrive."""
        pressed = "button" in beacon.values
        count, gap = (PRESS_COPIES, PRESS_GAP) if pressed else (COPIES, COPY_GAP)
        for copy in range(count):
            rssi = self.rssi + self.dice.gauss(0, _FADE)
            delay = self.dice.randrange(0, _LONGEST_DELAY, _STEP)
            if self.dice.random() < (1 - self.loss) * arriving(rssi):
                at = -(-(beacon.sent_at + copy * gap) // _STEP) * _STEP + delay
                yield Heard(at, round(rssi), beacon)


def loudness(distance: float) -> float:
    """The average rssi (dBm) at that distance (metres)."""
    return _AT_ONE_METRE - _DECADE * math.log10(max(0.3, distance))


def arriving(rssi: float) -> float:
    """The part of copies of that loudness (dBm) that a receiver can read."""
    return 1 / (1 + math.exp((_HALF_LOST - rssi) / _SLOPE))


def links(sensor: Place, seed: str, gateways: Sequence[tuple[int, Place]], losses: Sequence[float]) -> list[Link]:
    """Who may hear a sensor: of the gateways (index, place) those that are near enough. `losses`: of all, by index."""
    found = []
    for index, place in gateways:
        distance = math.dist(sensor, place)
        dice = Random(f"{seed}-{index}")
        rssi = loudness(distance) + dice.gauss(0, _SHADOW)
        if distance <= FARTHEST and rssi > FAINTEST:
            found.append(Link(index, rssi, losses[index], dice))
    return found
