"""Progress: for how long commits, or a recovery, have stood still although there is work. Pure; a watchdog asks it."""

from collections.abc import Callable, Hashable, Mapping, Set
from typing import Generic, TypeVar

Place = TypeVar("Place", bound=Hashable)


class Progress(Generic[Place]):
    """What was seen of the commits, look by look. Seconds, by the monotonic `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.restart()

        self._recovery: tuple[Hashable, float] | None = None

    def restart(self) -> None:
        """Nobody can be expected to commit."""
        self._committed: dict[Place, int] = {}
        self._waiting: dict[Place, float] = {}
        self._behind_since: float | None = None

    def recovers(self, come: Hashable) -> None:
        """Note a rebalance or a recovery; `come` is another value for as long as it gets on."""
        self.restart()
        if self._recovery is None or self._recovery[0] != come:
            self._recovery = come, self._clock()

    @property
    def recovering(self) -> bool:
        """Whether the last that was noted is a rebalance or a recovery."""
        return self._recovery is not None

    def look(self, committed: Mapping[Place, int], lag: Mapping[Place, int], in_work: Set[Place]) -> bool:
        """Note what is committed, how many records are behind it, and where a fold's work is not committed.

        A partition that is not in work may wait for its neighbours, so it stands still only when all do. Gives whether
        a commit was made since the last look.
        """
        now, self._recovery = self._clock(), None
        moved = {place for place in committed if committed[place] != self._committed.get(place, committed[place])}
        self._committed = dict(committed)
        self._waiting = {
            place: now if place in moved else self._waiting.get(place, now) for place in in_work if lag.get(place)
        }
        if moved or not any(lag.values()):
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        return bool(moved)

    @property
    def stuck_seconds(self) -> float:
        """How long the longest wait for a commit, or for a recovery to get on, has lasted; 0 when nothing waits."""
        since = [*self._waiting.values(), *([] if self._behind_since is None else [self._behind_since])]
        if self._recovery:
            since.append(self._recovery[1])
        return self._clock() - min(since) if since else 0.0
