"""Something outside that a sink needs, and that is there or away: each change is said once, tries spread out."""

import logging
import random

LONGEST = 5.0  # seconds between two tries: what waited in an outage is worked off only after the next one

log = logging.getLogger("bluflow.sinks")


class Condition:
    """`problem` says what is wrong with `what`, None if nothing is."""

    def __init__(self, what: str, *, first: float = 0.25, problem: str | None = None) -> None:
        self._what = what
        self._first = first
        self._delay = first
        self._said = False
        self.problem = problem

    def fails(self, why: str) -> float:
        """It is away. Gives the seconds until the next try: doubling, with jitter, `LONGEST` at most."""
        if not self._said:
            log.warning("%s is away, trying until it is back: %s", self._what, why)
            self._said = True
        self.problem = f"{self._what}: {why}"
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def works(self) -> None:
        """It is there."""
        if self._said:
            log.info("%s is back", self._what)
        self._said, self.problem, self._delay = False, None, self._first
