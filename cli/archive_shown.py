"""What `bluflow archive` shows."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.times import rfc3339
from cli.archive_export import Day, Export
from cli.archive_import import Imported
from cli.table import table
from cli.teller import Teller
from history.parquet import DAY_MS, Facts, UnusableFile
from history.parquet_file import FrameFile
from history.parquet_shelf import find
from history.spans import Span
from streams.replay.source import Progress

_COLUMNS = ("day", "records", "MB", "first", "last", "whole", "log", "file")


def exported_text(day: Day) -> str:
    """A line about a day's file."""
    facts = day.facts
    return (
        f"{_date(facts.day)}  {facts.rows:,} records ({day.new:,} new)  {_megabytes(day.size)} MB  "
        f"{_held(facts)}  {day.path}"
    )


def exported_json(export: Export) -> str:
    """For programs."""
    shown = {
        "from": rfc3339(export.span[0]),
        "to": rfc3339(export.span[1]),
        "through": rfc3339(export.through),
        "lost": _spans(export.lost),
        "files": [_facts(day.path, day.facts, day.size) | {"new": day.new} for day in export.done],
    }
    return json.dumps(shown, indent=2)


def imported_text(done: Sequence[Imported]) -> str:
    """A line a file, then the sum."""
    lines = [
        f"{_date(each.file.facts.day)}  {each.records:,} records ({each.new:,} new)  {each.file.path}" for each in done
    ]
    records, new = sum(each.records for each in done), sum(each.new for each in done)
    return "\n".join([*lines, f"took in {new:,} of {records:,} records; the others were there already"])


def imported_json(done: Sequence[Imported]) -> str:
    """For programs."""
    shown = [
        _facts(each.file.path, each.file.facts, each.file.size) | {"records": each.records, "new": each.new}
        for each in done
    ]
    return json.dumps({"files": shown}, indent=2)


class Listing:
    """The files of a path; `verify` reads them whole. `bad`: why a file cannot be used.

    Raises UnusableFile if there is none.
    """

    def __init__(self, path: Path, *, verify: bool = False) -> None:
        self.paths, self.bad = find(path), list[str]()
        self._files: list[FrameFile] = []
        rows = 0
        with Teller(sys.stderr) as teller:
            for number, each in enumerate(self.paths):
                try:
                    file = FrameFile(each)
                    if verify:
                        file.verify()
                        rows += file.facts.rows
                        teller.tell(Progress(rows, rows * len(self.paths) // (number + 1), file.facts.last or 0))
                    self._files.append(file)
                except UnusableFile as error:
                    self.bad.append(str(error))
        self._files.sort(key=lambda file: (file.facts.log, file.facts.day))

    def as_text(self) -> str:
        """A table, the sums, what is wrong."""
        rows = [_row(file) for file in self._files]
        records, size = sum(file.facts.rows for file in self._files), sum(file.size for file in self._files)
        lines = [*table([_COLUMNS, *rows]), "", f"{len(rows)} files, {records:,} records, {_megabytes(size)} MB"]
        return "\n".join([*(lines if rows else []), *self.bad])

    def as_json(self) -> str:
        """For programs."""
        shown = {"files": [_facts(file.path, file.facts, file.size) for file in self._files], "unusable": self.bad}
        return json.dumps(shown, indent=2)


def _row(file: FrameFile) -> list[str]:
    facts = file.facts
    first, last = (rfc3339(at)[11:23] if at is not None else "-" for at in (facts.first, facts.last))
    return [
        _date(facts.day),
        f"{facts.rows:,}",
        _megabytes(file.size),
        first,
        last,
        _held(facts),
        facts.log,
        str(file.path),
    ]


def _facts(path: Path, facts: Facts, size: int) -> dict[str, Any]:
    return {
        "file": str(path),
        "bytes": size,
        "log": facts.log,
        "day": _date(facts.day),
        "records": facts.rows,
        "first": None if facts.first is None else rfc3339(facts.first),
        "last": None if facts.last is None else rfc3339(facts.last),
        "covered": _spans(facts.covered),
        "whole": facts.whole,
        "partitions": facts.partitions,
        "digest": facts.digest,
        "bluflow": facts.bluflow,
    }


def _held(facts: Facts) -> str:
    """Which part of the day is held whole."""
    if facts.whole:
        return "whole"
    parts = [f"{_clock(facts, start)}-{_clock(facts, end)}" for start, end in facts.covered]
    return "only " + ", ".join(parts) if parts else "not whole"


def _clock(facts: Facts, time: int) -> str:
    return "24:00" if time == facts.day + DAY_MS else rfc3339(time)[11:16]


def _spans(spans: Sequence[Span]) -> list[list[str]]:
    return [[rfc3339(start), rfc3339(end)] for start, end in spans]


def _date(time: int) -> str:
    return rfc3339(time)[:10]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"
