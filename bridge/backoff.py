"""How long to wait before the next try: doubling, with jitter, so that a fleet does not return in step."""

import random


class Backoff:
    """Seconds to wait, each at random between half and the whole of a delay that doubles up to `longest`."""

    def __init__(self, first: float = 0.2, longest: float = 15.0) -> None:
        self._first = first
        self._longest = longest
        self._delay = first

    def next(self) -> float:
        delay, self._delay = self._delay, min(self._delay * 2, self._longest)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """All is well again: the next failure starts small."""
        self._delay = self._first
