"""A column of integers that a state writes as steps. They are made as entries come, so that to write costs nothing."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import gcd


class Column(list[int]):
    """The entries; append with `add`, let go of the first with `forget`.

    `steps`: the first entry, then from each to the next, less the `rhythm`, all in the largest `unit` that divides
    what came.
    """

    __slots__ = ("rhythm", "steps", "unit")

    def __init__(self, unit: int = 1, rhythm: int = 0) -> None:
        self.unit, self.rhythm = unit, rhythm
        self.steps: list[int] = []

    def _refine(self) -> None:
        """What came last is not whole in the unit."""
        self.unit = gcd(self.unit, self[-1])
        steps = ((after - before - self.rhythm) // self.unit for before, after in pairwise(self))
        self.steps = [*(first // self.unit for first in self[:1]), *steps]

    def add(self, entry: int) -> None:
        """Append an entry."""
        step, rest = entry - self[-1] - self.rhythm if self else entry, 0
        if self.unit != 1:
            step, rest = divmod(step, self.unit)
        self.append(entry)
        if rest:
            self._refine()
        else:
            self.steps.append(step)

    def forget(self, count: int) -> None:
        """Let go of the first entries."""
        del self[:count]
        del self.steps[:count]
        if self:
            self.steps[0] = self[0] // self.unit


def written(steps: list[int]) -> list[int]:
    """Steps as they are written: the first entry, and one step if all are the same, none if that is 0."""
    step = steps[-1]
    if steps.count(step) < len(steps) - 1 or steps[1:] != [step] * (len(steps) - 1):
        return steps
    return steps[:2] if step and len(steps) > 1 else steps[:1]


def read(stored: Sequence[int], count: int, unit: int = 1, rhythm: int = 0) -> Column:
    """The column of so many entries again."""
    column = Column(unit, rhythm)
    if not stored:
        return column
    first, *steps = stored
    if len(steps) < count - 1:
        steps = (steps or [0]) * (count - 1)
    column.unit, column.steps = unit, [first, *steps]
    if unit != 1 or rhythm:
        column += accumulate((step * unit + rhythm for step in steps), initial=first * unit)
    else:
        column += accumulate(steps, initial=first)
    return column
