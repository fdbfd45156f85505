"""What `bluflow replay` shows on stdout: what became of each day."""

import json
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from api.times import rfc3339
from history.spans import union
from streams.replay.days import Days
from streams.replay.rebuild import Outcome, Read


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
        lines += [f"missing: what was received from {start} to {end}" for start, end in self._missing()]
        held, readings = sum(each.held for each in taken), sum(each.readings for each in taken)
        aggregates = sum(each.aggregates for each in taken)
        lines.append(
            f"{verb} {len(taken)} sensor-days: {held:,} readings by {readings:,}, and {aggregates:,} aggregates"
        )
        if read.buried:
            lines.append("not decodable: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(read.buried.items())))
        return "\n".join([*lines, f"digest {self.digest}"])

    def _missing(self) -> list[tuple[str, str]]:
        return [(rfc3339(start), rfc3339(end)) for start, end in union(self.read.coverage.missing)]

    def as_json(self) -> str:
        """For programs."""
        shown: dict[str, Any] = {
            "from": rfc3339(self.days.start),
            "to": rfc3339(self.days.end),
            "written": self.write,
            "records": self.read.records,
            "seconds": round(self.read.seconds, 3),
            "dead_letters": dict(sorted(self.read.buried.items())),
            "missing": self._missing(),
            "digest": self.digest,
            "sensor_days": [each._asdict() | {"day": rfc3339(each.day)[:10]} for each in self.outcomes],
        }
        return json.dumps(shown, indent=2)
