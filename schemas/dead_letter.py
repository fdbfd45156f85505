"""A dead letter: a record that can never be handled, its bytes untouched, why and where in the headers."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas.frame import Headers

_PREFIX = "dead-letter-"
_LONGEST_TIME = 15  # digits
_STAGES = {"decode", "track", "history", "aggregates", "deliveries"}  # what every generation has of its own
DETAIL = 500  # characters of it are kept


def dead_letter_headers(
    *,
    stage: str,
    reason: str,
    origin: str,
    time: int,
    headers: Iterable[tuple[str, bytes]] = (),
    detail: str = "",
    generation: str = "",
) -> Headers:
    """The original record's headers plus stage, reason word, origin and time (unix milliseconds).

    `origin` is `topic:partition:offset`, or `mqtt:<topic>` for a message that never reached a topic. `generation` of
    the stage: one that is made anew finds the dead of the whole log again, and maybe fewer.
    """
    own = {"stage": stage, "reason": reason, "origin": origin, "time": str(time), "detail": detail[:DETAIL]}
    own["generation"] = generation
    return [*headers, *((_PREFIX + name, text.encode()) for name, text in own.items() if text)]


def dead_letter_facts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """What `dead_letter_headers` wrote: stage, reason, origin, time, detail."""
    return {
        name.removeprefix(_PREFIX): value.decode(errors="replace")
        for name, value in headers
        if name.startswith(_PREFIX)
    }


class Letter(NamedTuple):
    """A record of the dead letters, read. `key`, `value` and `headers` are the dead record's own, untouched.

    `place` is where the letter stands (partition, offset), `time` (unix milliseconds) is when what died came, as its
    stage tells it. A record that no stage of ours wrote has the stage and reason `unknown`.
    `redrives` is empty, but for a marker: the identity of the letter that was brought back to where it came from.
    """

    place: tuple[int, int]
    stage: str
    reason: str
    origin: str
    time: int
    detail: str
    key: bytes
    value: bytes
    headers: Headers
    redrives: str = ""
    generation: str = ""

    @classmethod
    def from_record(cls, record: Any) -> "Letter":
        """Of any Kafka record, also one that is no dead letter at all; its content never raises."""
        headers = [(name, value or b"") for name, value in record.headers]
        facts = dead_letter_facts(headers)
        time = facts.get("time", "")
        return cls(
            place=(record.partition, record.offset),
            stage=facts.get("stage", "unknown"),
            reason=facts.get("reason", "unknown"),
            origin=facts.get("origin", ""),
            time=int(time) if time.isdecimal() and len(time) <= _LONGEST_TIME else record.timestamp,
            detail=facts.get("detail", ""),
            key=record.key or b"",
            value=record.value or b"",
            headers=[(name, value) for name, value in headers if not name.startswith(_PREFIX)],
            redrives=facts.get("redrives", ""),
            generation=facts.get("generation", ""),
        )

    def is_of(self, generation: str) -> bool:
        """Whether it tells of that generation: buried by a stage of it, or by one that no generation has alone."""
        return self.generation == generation or self.stage not in _STAGES

    @property
    def identity(self) -> str:
        """The same for a letter that a redelivery wrote again; what never reached a topic comes but once."""
        reached = self.origin and not self.origin.startswith("mqtt:")
        return f"{self.stage} {self.reason} {self.origin}" if reached else f"{self.place[0]}:{self.place[1]}"

    def marker(self) -> Headers:
        """The headers of the marker that says: this letter was brought back."""
        return [(f"{_PREFIX}redrives", self.identity.encode())]
