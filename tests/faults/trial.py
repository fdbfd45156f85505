"""One fault's trial: traffic of a block of sensors, how long the pipeline took to come back, and the verdict."""

import math
import sqlite3
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from tests.faults.check import Verdict
from tests.faults.evidence import Evidence
from tests.faults.judge import Judge
from tests.faults.load import Plan, publishing
from tests.faults.subject import Subject

LONGEST = 900.0  # seconds of traffic that is to last as long as its fault
FLOW_MS = 2000  # what is stored may be so much older than what was acknowledged when all is well
# one look into the index a sensor, however many readings there are
_NEWEST = """
    SELECT mac, (SELECT max(measured_at) FROM reading WHERE reading.sensor = sensor.id) AS newest
    FROM sensor WHERE mac BETWEEN ? AND ? AND newest IS NOT NULL
"""


class Trial:
    """Begin, hurt the pipeline, `recovered` after each blow, `conclude`.

    Without `seconds` in the plan the traffic lasts until then.
    """

    def __init__(
        self, subject: Subject, fault: str, block: int, ledger: Path, judge: Judge, plan: Mapping[str, Any]
    ) -> None:
        self.subject, self.fault, self.judge = subject, fault, judge
        self.evidence = Evidence(subject, time.time_ns() // 1_000_000)
        self._as_planned = "seconds" in plan
        self.plan = Plan(mqtt=subject.mqtt, ledger=str(ledger), block=block, **{"seconds": LONGEST, **plan})
        self.recovery: list[float] = []
        self._stack = ExitStack()

    def begin(self) -> None:
        """Start the traffic; returns when every sensor is in the history."""
        self.load = self._stack.enter_context(publishing(self.plan))
        what = f"traffic of {self.fault} in the history"
        self.subject.until(lambda: len(self._stored()) >= self.plan.sensors, 60, what)

    def stop(self) -> None:
        """End the traffic, as it stands."""
        self._stack.close()

    def recovered(self, hurt_at: float, seconds: float = 120) -> float:
        """Wait until every sensor's packets from after `hurt_at` (unix seconds) are stored and nothing lags; seconds.

        `seconds` bounds the wait.
        """
        assert not self.load.done, "the traffic ended before the blow: plan more seconds of it"
        since = round(hurt_at * 1000)
        try:
            self.subject.until(lambda: not self._behind(since), seconds, f"recovery after {self.fault}")
        except AssertionError as error:
            behind = self._behind(since)
            raise AssertionError(f"{error}; {len(behind)} sensors are behind: {behind[:3]}") from None
        took = time.time() - hurt_at
        self.recovery.append(took)
        print(f"{self.fault}: recovered after {took:.1f} s")
        return took

    def conclude(
        self, *, seconds: float = 120, tolerance_ms: int = 1000, excused: int = 0, rate: float | None = None
    ) -> Verdict:
        """End the traffic and judge all of it that was acknowledged, as `Judge.readings` does.

        `rate`: frames/s that the pipeline was under, when there was other traffic besides.
        """
        if not self._as_planned:
            self.load.end()
        self.subject.until(lambda: self.load.done, 180, f"the traffic of {self.fault} was acknowledged")
        return self.judge.readings(
            self.fault,
            self.evidence,
            self.load.ledger.packets(),
            rate=rate or self.plan.rate,
            recovery=tuple(self.recovery),
            seconds=seconds,
            tolerance_ms=tolerance_ms,
            excused=excused,
        )

    def _behind(self, since: int) -> list[str]:
        """Sensors not stored up to 2 s before their newest packet, or with none from `since` (unix ms) on."""
        owed, stored = self.load.ledger.newest(), self._stored()
        behind = []
        for sensor in map(self.plan.sensor, range(self.plan.sensors)):
            held, sent_at = stored.get(sensor, 0), owed[sensor].sent_at if sensor in owed else math.inf
            if held < since or held < sent_at - FLOW_MS:
                behind.append(f"{sensor} is stored up to {held}, was acknowledged up to {sent_at}")
        return behind

    def _stored(self) -> dict[str, int]:
        """Of each of the block's sensors that has readings the newest time in the history."""
        mine = self.plan.sensor(0), self.plan.sensor(self.plan.sensors - 1)
        with closing(sqlite3.connect(f"file:{self.subject.history_file}?mode=ro", uri=True, timeout=10)) as file:
            return dict(file.execute(_NEWEST, mine).fetchall())
