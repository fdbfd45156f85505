"""The judge: waits until a fault's packets are where they belong, writes its row, and sees to its windows later.

What a sensor said last is in an open window some two minutes later: to wait for that after each fault would take most
of the suite's time. So the windows of all of a pipeline's faults are judged when the pipeline has done its work.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from tests.faults.check import Verdict
from tests.faults.evidence import Evidence
from tests.faults.ledger import Ledger
from tests.faults.subject import Subject
from tests.faults.table import Row

_ASK_EVERY = 0.5


class _Owed(NamedTuple):
    row: Row
    evidence: Evidence
    ledger: Ledger


class Judge:
    """One for the whole run. `rows`: what was found so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._owed: list[_Owed] = []

    def readings(
        self,
        fault: str,
        evidence: Evidence,
        ledger: Ledger,
        *,
        rate: float,
        recovery: tuple[float, ...] = (),
        seconds: float = 120,
        tolerance_ms: int = 1000,
        excused: int = 0,
    ) -> Verdict:
        """The verdict on all that was acknowledged, also in the table. Fails the test unless it is clean in `seconds`.

        `excused`: how many packets may be missing then, of a fault that cannot do without.
        """

        async def look() -> Verdict:
            return await evidence.readings(ledger, tolerance_ms)

        verdict = _settled(evidence.subject, look, seconds)
        row = Row(fault, rate, verdict, recovery)
        self.rows.append(row)
        print(f"{fault}: {verdict.events} events, {verdict.missing} missing, {verdict.duplicated} duplicated, ", end="")
        print(f"{verdict.wrong} wrong, {verdict.late} late")
        assert verdict.clean_but(excused), (fault, verdict)
        self._owed.append(_Owed(row, evidence, ledger))
        return verdict

    def windows(self, subject: Subject, *, seconds: float = 180, excused: int = 0) -> None:
        """Every window of every fault that this pipeline went through is exact, but for so many `excused` ones."""
        mine = [owed for owed in self._owed if owed.evidence.subject is subject]
        self._owed = [owed for owed in self._owed if owed.evidence.subject is not subject]
        deadline = time.monotonic() + seconds
        dirty = []
        for owed in mine:

            async def look(owed: _Owed = owed) -> Verdict:
                return await owed.evidence.windows(owed.ledger)

            verdict = _settled(subject, look, deadline - time.monotonic(), excused)
            owed.row.wrong_windows = verdict.wrong_aggregates
            print(f"{owed.row.fault}: {verdict.wrong_aggregates} wrong windows")
            if verdict.wrong_aggregates > excused:
                dirty.append((owed.row.fault, verdict))
        assert not dirty, dirty


def _settled(
    subject: Subject, look: Callable[[], Coroutine[Any, Any, Verdict]], seconds: float, windows: int = 0
) -> Verdict:
    """The verdict once it is clean, but for so many windows, or the last one when it is not in time.

    The pipeline is tended meanwhile.
    """
    deadline = time.monotonic() + seconds
    while True:
        subject.tend()
        verdict = asyncio.run(look())
        if verdict.clean or 0 < verdict.wrong_aggregates <= windows or time.monotonic() > deadline:
            return verdict
        time.sleep(_ASK_EVERY)
