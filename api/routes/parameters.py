"""Parameters that several routes take, checked and normalised before a handler sees them."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from api.times import parse_instant
from schemas.address import normalise_mac

SensorId = Annotated[
    str,
    AfterValidator(normalise_mac),
    Path(description="MAC address in any case, with any separator or none", examples=["7c:c6:b6:bd:4c:b5"]),
]

_Instant = Annotated[int, BeforeValidator(parse_instant), WithJsonSchema({"type": "string"})]
_HOW = "an RFC 3339 time with offset, or a date, which is its midnight in UTC"

From = Annotated[
    _Instant | None,
    Query(alias="from", description=f"inclusive: {_HOW}; 24 hours before `to` if left out", examples=["2026-03-01"]),
]
To = Annotated[
    _Instant | None,
    Query(alias="to", description=f"exclusive: {_HOW}; now if left out", examples=["2026-03-01T12:00:00Z"]),
]
