"""One fault's trial: traffic of a block of sensors, how long the pipeline took to come back, and the verdict."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from history.sqlite import SqliteHistory
from tests.faults.check import Verdict
from tests.faults.evidence import Evidence
from tests.faults.ledger import newest
from tests.faults.load import Plan, publishing
from tests.faults.pipeline import Pipeline
from tests.faults.table import Row

LONGEST = 900.0  # seconds of traffic that is to last as long as its fault
FLOW_MS = 2000  # what is stored may be so much older than what was acknowledged when all is well
_NEWEST = """
    SELECT mac, (SELECT max(measured_at) FROM reading WHERE reading.sensor = sensor.id) FROM sensor WHERE mac LIKE ?
"""


class Trial:
    """Begin, hurt the pipeline, `recovered` after each blow, `conclude`.

    Without `seconds` in the plan the traffic lasts until then.
    """

    def __init__(
        self, pipeline: Pipeline, fault: str, block: int, ledger: Path, rows: list[Row], plan: Mapping[str, Any]
    ) -> None:
        self.pipeline, self.fault, self.rows = pipeline, fault, rows
        self._as_planned = "seconds" in plan
        self.plan = Plan(mqtt=pipeline.mqtt, ledger=str(ledger), block=block, **{"seconds": LONGEST, **plan})
        self.recovery: list[float] = []
        self._stack = ExitStack()

    def begin(self) -> None:
        """Start the traffic; returns when every sensor is in the history."""
        self.load = self._stack.enter_context(publishing(self.plan))
        what = f"traffic of {self.fault} in the history"
        self.pipeline.until(lambda: len(self._stored()) >= self.plan.sensors, 60, what)

    def stop(self) -> None:
        """End the traffic, as it stands."""
        self._stack.close()

    def recovered(self, hurt_at: float, seconds: float = 60) -> float:
        """Wait until every sensor's packets from after `hurt_at` (unix seconds) are stored and nothing lags; seconds.

        `seconds` bounds the wait.
        """
        assert not self.load.done, "the traffic ended before the blow: plan more seconds of it"
        self.pipeline.until(lambda: self._flows(round(hurt_at * 1000)), seconds, f"recovery after {self.fault}")
        took = time.time() - hurt_at
        self.recovery.append(took)
        print(f"{self.fault}: recovered after {took:.1f} s")
        return took

    def conclude(self, *, seconds: float = 120, excused: int = 0) -> Verdict:
        """The verdict on all that was acknowledged, also in the table. Fails the test unless it is clean.

        `excused`: how many packets may be missing, of a fault that cannot do without.
        """
        if not self._as_planned:
            self.load.end()
        self.pipeline.until(lambda: self.load.done, 180, f"the traffic of {self.fault} was acknowledged")
        history = SqliteHistory(self.pipeline.history_file)
        evidence = Evidence(self.pipeline.kafka, self.pipeline.prefix, history)
        try:
            verdict = evidence.settled(self.pipeline, self.load.ledger(), seconds=seconds)
        finally:
            asyncio.run(history.close())
        self.rows.append(
            Row(
                self.fault,
                verdict.events,
                self.plan.rate,
                verdict.missing,
                verdict.duplicated,
                verdict.wrong + verdict.wrong_aggregates,
                tuple(self.recovery),
            )
        )
        print(self.rows[-1])
        if not excused:
            assert verdict.clean, verdict
        assert verdict.missing <= excused, verdict
        return verdict

    def _flows(self, since: int) -> bool:
        """Whether each sensor is stored up to 2 s before its newest packet, with one from after `since` (unix ms)."""
        owed = newest(self.load.ledger())
        if len(owed) < self.plan.sensors:
            return False
        stored = self._stored()
        return all(
            (held := stored.get(sensor)) and held >= since and held >= packet.sent_at - FLOW_MS
            for sensor, packet in owed.items()
        )

    def _stored(self) -> dict[str, int]:
        """Each of the block's sensors' newest time in the history."""
        prefix = self.plan.sensor(0)[:11]
        with closing(sqlite3.connect(f"file:{self.pipeline.history_file}?mode=ro", uri=True, timeout=10)) as file:
            return dict(file.execute(_NEWEST, (f"{prefix}%",)).fetchall())
