"""How coarse the history is shown: every reading, or windows. Times in unix milliseconds."""

from typing import Literal

from api.times import DAY
from schemas.aggregate import DAY as DAY_WIDTH
from schemas.aggregate import FIVE_MINUTES, HOUR

Step = Literal["raw", "5m", "1h", "1d"]

WIDTHS: dict[Step, int] = {"5m": FIVE_MINUTES, "1h": HOUR, "1d": DAY_WIDTH}  # seconds

# the finest step that keeps a range at some thousand rows
_LONGEST: tuple[tuple[Step, int], ...] = (("raw", DAY // 4), ("5m", 8 * DAY), ("1h", 120 * DAY))


def fitting_step(start: int, end: int) -> Step:
    """What `auto` is for a range."""
    return next((step for step, longest in _LONGEST if end - start <= longest), "1d")


def source_of(step: Step) -> str:
    """What the rows are read from."""
    return "readings" if step == "raw" else f"aggregates {step}"
