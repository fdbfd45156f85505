"""A dead letter: a record that can never be handled, its bytes untouched, why and where in the headers."""

from collections.abc import Iterable

from schemas.frame import Headers

_PREFIX = "dead-letter-"


def dead_letter_headers(
    *,
    stage: str,
    reason: str,
    origin: str,
    time: int,
    headers: Iterable[tuple[str, bytes]] = (),
    detail: str = "",
) -> Headers:
    """The original record's headers plus stage, reason word, origin and time (unix milliseconds).

    `origin` is `topic:partition:offset`, or `mqtt:<topic>` for a message that never reached a topic.
    """
    own = {"stage": stage, "reason": reason, "origin": origin, "time": str(time), "detail": detail[:500]}
    return [*headers, *((_PREFIX + name, text.encode()) for name, text in own.items() if text)]


def dead_letter_facts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """What `dead_letter_headers` wrote: stage, reason, origin, time, detail."""
    return {
        name.removeprefix(_PREFIX): value.decode(errors="replace")
        for name, value in headers
        if name.startswith(_PREFIX)
    }
