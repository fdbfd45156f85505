"""Parameters that several routes take, checked and normalised before a handler sees them."""

from difflib import get_close_matches
from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from api.problems import BadParameter, ProblemRaised
from api.times import DAY, parse_instant
from schemas.address import normalise_mac

SensorId = Annotated[
    str,
    AfterValidator(normalise_mac),
    WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}$"}),
    Path(description="MAC address in any case, with any separator or none", examples=["7c:c6:b6:bd:4c:b5"]),
]

_Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
_HOW = "an RFC 3339 time with offset, or a date, which is its midnight in UTC"

From = Annotated[
    _Instant | None,
    Query(alias="from", description=f"inclusive: {_HOW}; 24 hours before `to` if left out", examples=["2026-03-01"]),
]
To = Annotated[
    _Instant | None,
    Query(alias="to", description=f"exclusive: {_HOW}; now if left out", examples=["2026-03-01T12:00:00Z"]),
]


def span(start: int | None, end: int | None, now: int) -> tuple[int, int]:
    """From and to with their defaults, unix milliseconds. Raises the problem 422 for what holds nothing."""
    if end is None:
        if start is not None and start >= now:
            raise ProblemRaised(422, "from lies in the future, and `to` is now if left out", parameter="from")
        end = now
    start = end - DAY if start is None else start
    if start >= end:
        raise ProblemRaised(422, "from is not before to", parameter="from")
    return start, end


Since = Annotated[
    _Instant | None,
    Query(description=f"from when on it counts: {_HOW}; now if left out", examples=["2026-03-01T12:00:00Z"]),
]


async def only_known(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a misspelt one must not be ignored."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    errors = []
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            near = get_close_matches(name, known, 1)
            there = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(known) or 'none here'}"
            errors.append(BadParameter(parameter=name[:100], detail=f"unknown parameter{there}"))
    if errors:
        raise ProblemRaised(422, "; ".join(f"{one.parameter}: {one.detail}" for one in errors), errors=errors)
