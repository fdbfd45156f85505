"""The table of results: one row a fault over all its seeds, written between two marks of docs/guarantees.md."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

GUARANTEES = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_HEAD = """| fault | seeds | events | frames/s | missing | duplicated | wrong | recovery, s |
|---|---|---|---|---|---|---|---|"""


class Row(NamedTuple):
    """What one trial found. `recovery` in seconds, one for each blow; `wrong`: readings and aggregates."""

    fault: str
    events: int
    rate: float
    missing: int
    duplicated: int
    wrong: int
    recovery: tuple[float, ...]


def render(rows: Iterable[Row]) -> str:
    """The table in Markdown; the faults in alphabetical order, the seeds of a fault added up, the worst recovery."""
    by_fault: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_fault[row.fault].append(row)
    lines = [_HEAD]
    for fault, found in sorted(by_fault.items()):
        blows = [seconds for row in found for seconds in row.recovery]
        cells = [
            fault,
            len(found),
            f"{sum(row.events for row in found):,}",
            f"{min(row.rate for row in found):,.0f}",
            *(sum(getattr(row, name) for row in found) for name in ("missing", "duplicated", "wrong")),
            f"{max(blows):.1f}" if blows else "-",
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def write_table(page: Path, rows: Iterable[Row]) -> None:
    """Put the table between the marks of `page`, instead of the one that is there."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{render(rows)}\n{END}{after}")
