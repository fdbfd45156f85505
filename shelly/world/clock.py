"""A gateway's clock: ahead or behind, drifting, set by somebody."""

from dataclasses import dataclass

STEP = 10  # milliseconds: a frame's `ts` has two decimals


@dataclass(slots=True)
class Clock:
    """`ahead` milliseconds at `start`; `drift` parts in a million, positive for a fast clock."""

    start: int
    ahead: int = 0
    drift: float = 0.0

    def offset(self, at: int) -> int:
        """How far it is ahead at that true time (both unix milliseconds), in whole steps."""
        return round((self.ahead + self.drift * (at - self.start) / 1e6) / STEP) * STEP

    def told(self, at: int) -> int:
        """What it shows."""
        return at + self.offset(at)

    def jump(self, by: int) -> None:
        """Somebody, or a time server, sets it."""
        self.ahead += by
