"""The cures of a worker that stands still."""

import asyncio
from typing import Any

from streams.engine.progress import Progress
from streams.watchdog import Watchdog
from tests.streams.engine.mutations.table import cure, nothing, put

HERE = "tests/streams/test_liveness.py::"
STAND_STILL = HERE + "test_a_worker_whose_commits_stand_still_ends_by_itself"


@cure("progress", STAND_STILL)
def nothing_is_ever_stuck() -> None:
    put(Progress, "stuck_seconds", property(lambda self: 0.0))


@cure("progress", HERE + "test_a_partition_in_work_is_not_excused_by_its_neighbours")
def a_partition_in_work_is_excused() -> None:
    whole = Progress.look
    put(Progress, "look", lambda self, committed, lag, in_work: whole(self, committed, lag, set()))


@cure("progress", HERE + "test_a_rebalance_begins_anew")
def a_rebalance_excuses_nobody() -> None:
    whole = Progress.restart
    put(Progress, "restart", lambda self: None if hasattr(self, "_waiting") else whole(self))


@cure("progress", STAND_STILL)
def nobody_looks_at_the_commits() -> None:
    put(Watchdog, "_look", nothing)


@cure("progress", HERE + "test_a_loop_that_stands_still_ends_its_process")
def nobody_minds_the_loop() -> None:
    async def beat(self: Any) -> None:
        await asyncio.Event().wait()

    put(Watchdog, "_beat", beat)
