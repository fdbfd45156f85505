"""The Faust app with what the engine asks of it: where a source's log must at least reach, and what to do if not."""

import time
from collections.abc import Callable
from typing import Any

import faust
from faust.types import TP

# (partition) -> next offset by the recovered state; (partition, expected, end) -> None
Expected = Callable[[int], int]
TailLost = Callable[[int, int, int], None]


class EngineApp(faust.App):
    """A source may declare what its recovered state says of the log, and hear of a tail that was lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expected: dict[str, Expected] = {}
        self._tail_lost: dict[str, list[TailLost]] = {}
        self._rebalance_began = 0.0
        self.recovery_seconds = 0.0  # what the last rebalance took, recovery of the tables included

    def on_rebalance_start(self) -> None:
        super().on_rebalance_start()
        self._rebalance_began = time.monotonic()

    def on_rebalance_end(self) -> None:
        super().on_rebalance_end()
        self.recovery_seconds = time.monotonic() - self._rebalance_began

    def watch_tail(self, topic: str, tail_lost: TailLost, expected: Expected | None = None) -> None:
        """Call `tail_lost` when, at an assignment, the log ends before its commit or before `expected`."""
        self._tail_lost.setdefault(topic, []).append(tail_lost)
        if expected:
            self._expected[topic] = expected

    def expected_offset(self, tp: TP, committed: int) -> int:
        """The offset up to which the log was seen: by the recovered state, which is written first, else by commit."""
        expected = self._expected.get(tp.topic)
        return (expected(tp.partition) if expected else 0) or committed

    def on_tail_lost(self, tp: TP, expected: int, end: int) -> None:
        """The broker has forgotten offsets [end, expected) and will hand them out again."""
        for tail_lost in self._tail_lost.get(tp.topic, []):
            tail_lost(tp.partition, expected, end)
