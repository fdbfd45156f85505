"""The lease: how long this worker may believe that its partitions are its own.

A worker that was frozen past its session wakes up with partitions that another one works on by now. Its heartbeat
would tell it, but only after it has written. So a lease is checked before each write.
"""

import time
from collections.abc import Awaitable, Callable


class Lease:
    """Renewed by every heartbeat that the coordinator answered, and by an assignment. Seconds, monotonic clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._renewed_at = clock()

    def renew(self) -> None:
        """The coordinator has just confirmed us."""
        self._renewed_at = self._clock()

    def has_run_out(self) -> bool:
        """Whether the session may have ended without our knowing."""
        return self._clock() - self._renewed_at > self.seconds

    def watch(self, heartbeat: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        """aiokafka's heartbeat, renewing this lease when it succeeds.

        Renewed to the moment it was sent: the broker counts its session from then at the earliest.
        """

        async def watched() -> bool:
            sent_at = self._clock()
            confirmed = await heartbeat()
            if confirmed:
                self._renewed_at = max(self._renewed_at, sent_at)
            return confirmed

        return watched
