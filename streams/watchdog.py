"""The watchdog: a worker that is stuck ends by itself, so that its supervisor starts it again.

Three ways to be stuck: commits stand still although there are records to work off, or a recovery gets no further, both
of which the loop itself sees; and a loop that stands still, which only something outside Python can see: faulthandler's
own thread ends the process then, also when a fold never lets go of the interpreter.
"""

import asyncio
import contextlib
import faulthandler
import time
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from streams import metrics
from streams.engine import fail_stop
from streams.engine.app import EngineApp
from streams.engine.progress import Progress

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 10.0  # for the broker's answer: a client that never gets one must not stop the watch


class Watchdog:
    """Looks at one app. Bounds in seconds: live until `stuck`, ended at twice that; ended after a `stall` at once."""

    def __init__(self, app: EngineApp, stuck: float, stall: float) -> None:
        self._app, self._stuck, self._stall = app, stuck, stall
        self._progress: Progress[TP] = Progress(time.monotonic)

    def problem(self) -> str | None:
        """For /health/live: what is wrong, None if nothing is."""
        seconds = self._progress.stuck_seconds
        if seconds <= self._stuck:
            return None
        if self._progress.recovering:
            return f"the recovery has got no further for {seconds:.0f} s"
        return f"no commit for {seconds:.0f} s although records wait"

    async def run(self) -> None:
        """Until cancelled. The two are apart: a broker that does not answer must not look like a loop that stands."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self._look()
                if self._progress.stuck_seconds > 2 * self._stuck:
                    fail_stop(self.problem())
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        try:
            while True:
                faulthandler.dump_traceback_later(self._stall, exit=True)
                await asyncio.sleep(min(LOOK_SECONDS, self._stall / 3))
        finally:
            faulthandler.cancel_dump_traceback_later()

    async def _look(self) -> None:
        consumer: Any = self._app.consumer
        if self._app.rebalancing or not self._app.tables.actives_ready:
            tables: Any = self._app.tables
            self._progress.recovers((self._app.rebalancing_count, *(table.data.recovered for table in tables.values())))
            return
        with contextlib.suppress(KafkaError, TimeoutError):  # the broker is away: what was seen last stays
            async with asyncio.timeout(PATIENCE_SECONDS):
                committed, lag, in_work = await consumer.standing()
            if self._progress.look(committed, lag, in_work):
                metrics.LAST_COMMIT.set(time.time())
            metrics.LAG.clear()  # partitions that went to another worker
            for place, records in lag.items():
                metrics.LAG.labels(place.topic, place.partition).set(records)
