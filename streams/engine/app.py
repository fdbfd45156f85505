"""The Faust app with what the engine asks of it: where a source's log must at least reach, and what to do if not; tasks
that run while tables recover too; a start and an end that wait for nothing.
"""

import time
from collections.abc import Callable, Coroutine
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.types import TP

from streams.engine.tails import Mark

# (partition) -> how far it was read, by the recovered state; (partition, expected, goes on at) -> None
Expected = Callable[[int], Mark]
TailLost = Callable[[int, int, int], None]
Task = Callable[[], Coroutine[Any, Any, None]]


class EngineTables(TableManager):
    """Faust's tables, without the second that it sleeps before it looks at them."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class EngineWorker(faust.Worker):
    """Faust's worker, without the second that it sleeps after all has stopped."""

    async def _sentinel_task(self) -> None:
        pass


class EngineApp(faust.App):
    """A source may declare what its recovered state says of the log, and hear of a tail that was lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, TableManager=EngineTables, **kwargs)
        self._expected: dict[str, Expected] = {}
        self._tail_lost: dict[str, list[TailLost]] = {}
        self._rebalance_began = 0.0
        self._from_start: list[Task] = []
        self.recovery_seconds = 0.0  # what the last rebalance took, recovery of the tables included

    def from_start(self, task: Task) -> Task:
        """Run it from the start to the end of the app. Faust's own tasks begin after the first recovery: one that hung
        would have neither a page nor a watchdog.
        """
        self._from_start.append(task)
        return task

    async def on_start(self) -> None:
        await super().on_start()
        for task in self._from_start:
            self.add_future(task())

    def on_rebalance_start(self) -> None:
        super().on_rebalance_start()
        self._rebalance_began = time.monotonic()

    def on_rebalance_end(self) -> None:
        super().on_rebalance_end()
        self.recovery_seconds = time.monotonic() - self._rebalance_began

    def watch_tail(self, topic: str, tail_lost: TailLost, expected: Expected | None = None) -> None:
        """Call `tail_lost` when an assignment finds the log shorter than its commit, or not what was `expected`."""
        self._tail_lost.setdefault(topic, []).append(tail_lost)
        if expected:
            self._expected[topic] = expected

    def mark(self, tp: TP, committed: int) -> Mark:
        """How far the log was read: by the recovered state, which is written first, else by commit."""
        expected = self._expected.get(tp.topic)
        mark = expected(tp.partition) if expected else Mark()
        return mark if mark.next_offset else Mark(committed)

    def on_tail_lost(self, tp: TP, expected: int, offset: int) -> None:
        """The broker has forgotten records before `expected`; the log is read on from `offset`."""
        for tail_lost in self._tail_lost.get(tp.topic, []):
            tail_lost(tp.partition, expected, offset)
