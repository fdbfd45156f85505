"""What `bluflow replay` shows: how far it is on stderr, what became of each day on stdout."""

import json
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from types import TracebackType
from typing import Any, TextIO

from api.times import rfc3339
from streams.replay.days import Days
from streams.replay.rebuild import Outcome, Progress, Read

_TERMINAL_SECONDS, _FILE_SECONDS = 0.5, 10.0


class Teller:
    """One line that is written over on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._terminal = out, out.isatty()
        self._began = self._told = time.monotonic()
        self._shown = False

    def __enter__(self) -> "Teller":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        if self._shown and self._terminal:
            self._out.write("\n")

    def tell(self, progress: Progress) -> None:
        """Say it, if it is time to."""
        now = time.monotonic()
        if now - self._told < (_TERMINAL_SECONDS if self._terminal else _FILE_SECONDS):
            return
        self._told, self._shown = now, True
        rate = progress.done / (now - self._began)
        percent = min(100, progress.done * 100 // max(1, progress.total))
        line = f"read {progress.done:,} records ({percent} %), {rate:,.0f} records/s, up to {rfc3339(progress.at)}"
        self._out.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._out.flush()


@dataclass(slots=True)
class Report:
    """The end of a replay."""

    days: Days
    read: Read
    write: bool
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many sensor-days were left as they were."""
        return sum(outcome.refused is not None for outcome in self.outcomes)

    @property
    def digest(self) -> str:
        """Of all that was rebuilt: the same for the same raw frames, keys and version."""
        digest = blake2b(digest_size=16)
        for each in self.outcomes:
            digest.update(f"{each.sensor} {each.day} {each.digest} {each.refused}\n".encode())
        return digest.hexdigest()

    def as_text(self) -> str:
        """For people: the refused days, then the sums."""
        lines = [
            f"{rfc3339(each.day)[:10]} {each.sensor} stays: {each.refused}" for each in self.outcomes if each.refused
        ]
        taken = [each for each in self.outcomes if each.refused is None]
        verb = "replaced" if self.write else "would replace"
        read = self.read
        lines.append(
            f"read {read.records:,} records in {read.seconds:.1f} s ({read.records / max(read.seconds, 1e-9):,.0f} "
            f"records/s), received from {rfc3339(self.days.read_from)} to {rfc3339(self.days.read_to)}"
        )
        held, readings = sum(each.held for each in taken), sum(each.readings for each in taken)
        aggregates = sum(each.aggregates for each in taken)
        lines.append(
            f"{verb} {len(taken)} sensor-days: {held:,} readings by {readings:,}, and {aggregates:,} aggregates"
        )
        if read.buried:
            lines.append("not decodable: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(read.buried.items())))
        return "\n".join([*lines, f"digest {self.digest}"])

    def as_json(self) -> str:
        """For programs."""
        shown: dict[str, Any] = {
            "from": rfc3339(self.days.start),
            "to": rfc3339(self.days.end),
            "written": self.write,
            "records": self.read.records,
            "seconds": round(self.read.seconds, 3),
            "dead_letters": dict(sorted(self.read.buried.items())),
            "digest": self.digest,
            "sensor_days": [each._asdict() | {"day": rfc3339(each.day)[:10]} for each in self.outcomes],
        }
        return json.dumps(shown, indent=2)
