"""The climate of one room: the day outside, walls that keep warmth, heating, people's breath, an open window. Pure.

Two temperatures, the air's and the walls', and the air's vapour, moved on in steps of half a minute. All rates an hour.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

_DAY, _HOUR = 86_400_000, 3_600_000
STEP = 30_000  # milliseconds
_WALLS_TO_AIR, _AIR_TO_WALLS, _OUT_TO_WALLS = 4.0, 0.15, 0.02
_LEAK, _WINDOW = 0.3, 8.0  # air changes an hour
_HEATER, _STRONGEST = 12.0, 30.0  # kelvin an hour: for each kelvin that is missing, and at most
_BREATH = 0.5  # grams a cubic metre and hour
_WARMEST_AT = 15  # o'clock, UTC
_NIGHT = range(6)  # hours without people's warmth


class Climate(NamedTuple):
    """Temperature in °C, relative humidity in %."""

    temperature: float
    humidity: float


@dataclass(frozen=True, slots=True)
class Weather:
    """The day outside: `mean` and `swing` in °C, `humidity` in % at the day's mean."""

    mean: float = 8.0
    swing: float = 4.0
    humidity: float = 75.0

    def temperature(self, at: int) -> float:
        """Outside, at that time (unix milliseconds)."""
        return self.mean + self.swing * math.cos(2 * math.pi * (at % _DAY / _DAY - _WARMEST_AT / 24))

    @property
    def vapour(self) -> float:
        """Grams a cubic metre; the same all day."""
        return saturated(self.mean) * self.humidity / 100


class Room:
    """One room. `heated` to so many °C by day, `night` K less from midnight to six (UTC)."""

    def __init__(self, weather: Weather, dice: Random, start: int, *, heated: float = 22.5, night: float = 3.0) -> None:
        self._weather, self._night = weather, night
        self._heated = heated + dice.uniform(-1.5, 1.5)
        self._breath = _BREATH * dice.uniform(0.5, 2)
        self._at = start // STEP * STEP
        self.window_open = False
        self._air = self._wanted(start) - 1
        outside = weather.temperature(start)
        self._walls = (_AIR_TO_WALLS * self._air + _OUT_TO_WALLS * outside) / (_AIR_TO_WALLS + _OUT_TO_WALLS)
        self._vapour = weather.vapour + self._breath / _LEAK

    def climate(self, at: int) -> Climate:
        """At that time (unix milliseconds), which never goes back."""
        while self._at + STEP <= at:
            self._step()
        return Climate(self._air, min(100.0, 100 * self._vapour / saturated(self._air)))

    def _step(self) -> None:
        self._at += STEP
        hours, outside = STEP / _HOUR, self._weather.temperature(self._at)
        changes = _LEAK + (_WINDOW if self.window_open else 0)
        heater = min(_STRONGEST, max(0.0, _HEATER * (self._wanted(self._at) - self._air)))
        air = _WALLS_TO_AIR * (self._walls - self._air) + changes * (outside - self._air) + heater
        walls = _AIR_TO_WALLS * (self._air - self._walls) + _OUT_TO_WALLS * (outside - self._walls)
        vapour = changes * (self._weather.vapour - self._vapour) + self._breath
        self._air, self._walls = self._air + hours * air, self._walls + hours * walls
        self._vapour = min(self._vapour + hours * vapour, saturated(self._air))  # what is more runs down the panes

    def _wanted(self, at: int) -> float:
        return self._heated - (self._night if at // _HOUR % 24 in _NIGHT else 0)


def saturated(temperature: float) -> float:
    """Grams of vapour that a cubic metre of air holds at most (Magnus' formula, over water)."""
    pressure = 6.112 * math.exp(17.62 * temperature / (243.12 + temperature))
    return 216.7 * pressure / (273.15 + temperature)
