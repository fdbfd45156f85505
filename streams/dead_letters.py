"""What a stage does with a record that it can never handle."""

import time
from typing import Any

from schemas.dead_letter import dead_letter_headers
from schemas.topics import DEAD_LETTERS
from streams.engine import Output
from streams.places import Places


def dead_letter(places: Places, record: Any, stage: str, reason: str, detail: str = "") -> Output:
    """The record as it came, with its own headers and why. Its time is that of the record, so that it repeats."""
    key = record.key or b""
    headers = dead_letter_headers(
        stage=stage,
        reason=reason,
        detail=detail,
        origin=f"{record.topic}:{record.partition}:{record.offset}",
        time=record.timestamp or int(time.time() * 1000),
        headers=[(name, value or b"") for name, value in record.headers],
        generation=places.generation,
    )
    return places.output(DEAD_LETTERS, key, record.value or b"", headers)
