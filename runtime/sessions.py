"""Reading topics for ever, in sessions: whatever goes wrong ends one and begins another.

So a lost broker, a lost tail and new partitions are one path, and what was read before is served all the while.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import NoReturn

from aiokafka.errors import KafkaError


class BeginAnew(Exception):
    """The topics are not, or no longer, what was read; the text says why."""


class Sessions(ABC):
    """`problem` says why what is held may lag behind the topics, None when it does not; each is a line in `log`, once.

    `pauses`: seconds between two sessions, at first and at most; they double until one works.
    """

    def __init__(self, log: logging.Logger, topics: str, broker: str, pauses: tuple[float, float]) -> None:
        self.problem: str | None = f"{topics} not read yet"
        self._log, self._broker, self._pauses = log, broker, pauses

    @abstractmethod
    async def _session(self) -> NoReturn:
        """From the topics' beginning to their end, which it reports, and on. Raises BeginAnew, KafkaError, OSError."""

    async def run(self) -> NoReturn:
        """One session after the other; ends only by cancellation."""
        first, longest = self._pauses
        pause = first
        while True:
            try:
                await self._session()
            except BeginAnew as why:
                reason = str(why)
            except (KafkaError, OSError) as error:
                reason = f"no Kafka broker answers on {self._broker} ({str(error) or type(error).__name__})"
            except asyncio.CancelledError:
                # A call of aiokafka's client may end with the cancellation of a task of its own.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                reason = "reading was cut short inside of aiokafka"
            except Exception as error:  # a bug must not leave a dead reader behind what looks alive
                self._log.exception("following: reading failed")
                reason = f"reading failed: {error!r}"
            pause = first if self.problem is None else min(2 * pause, longest)
            if reason != self.problem:
                self._log.warning("following: %s; what was read before stays in use", reason)
            self._report(reason)
            await asyncio.sleep(pause)

    def _report(self, problem: str | None) -> None:
        self.problem = problem
