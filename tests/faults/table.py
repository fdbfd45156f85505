"""The table of results: one row a fault over all its seeds, written between two marks of docs/guarantees.md."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.faults.check import Verdict

GUARANTEES = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_HEAD = """| fault | seeds | events | frames/s | missing | duplicated | wrong | wrong windows | recovery, s | worst |
|---|---|---|---|---|---|---|---|---|---|"""


@dataclass(slots=True)
class Row:
    """What one trial found: the verdict on its readings, then on its windows. `recovery` in seconds, one a blow."""

    fault: str
    rate: float
    verdict: Verdict
    recovery: tuple[float, ...] = ()
    wrong_windows: int = 0


def render(rows: Iterable[Row]) -> str:
    """The table in Markdown; the faults in alphabetical order, the seeds of a fault added up, all its blows."""
    by_fault: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_fault[row.fault].append(row)
    lines = [_HEAD]
    for fault, found in sorted(by_fault.items()):
        blows = [seconds for row in found for seconds in row.recovery]
        verdicts = [row.verdict for row in found]
        cells = [
            fault,
            len(found),
            f"{sum(verdict.events for verdict in verdicts):,}",
            f"{min(row.rate for row in found):,.0f}",
            *(sum(getattr(verdict, name) for verdict in verdicts) for name in ("missing", "duplicated", "wrong")),
            sum(row.wrong_windows for row in found),
            *(f"{of(blows):.1f}" if blows else "-" for of in (median, max)),
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def write_table(page: Path, rows: Iterable[Row]) -> None:
    """Put the table between the marks of `page`, instead of the one that is there."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{render(rows)}\n{END}{after}")
