"""Time as the API speaks it: RFC 3339 in UTC with milliseconds. Inside, everything is unix milliseconds."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]

HOUR = 3600 * 1000  # milliseconds
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[Tt ](?P<time>\d\d:\d\d:\d\d(?:\.\d+)?)(?P<offset>[Zz]|[-+ ]\d\d:\d\d)?)?"
)


def system_clock() -> int:
    """Unix milliseconds now. The only clock of the API; everything else is handed one."""
    return time.time_ns() // 1_000_000


def rfc3339(milliseconds: int) -> str:
    """`2026-03-01T12:00:00.000Z`. Clamped to the calendar, so that one absurd time cannot take a whole list down."""
    moment = _EPOCH + min(max(milliseconds, _FIRST), _LAST) * _MILLISECOND
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_instant(text: object) -> int:
    """A date (its midnight in UTC) or an RFC 3339 time with offset -> unix milliseconds.

    Raises ValueError with how to mend it.
    """
    found = _INSTANT.fullmatch(str(text).strip())
    if not found:
        raise ValueError("not an RFC 3339 time or date; write 2026-03-01T12:00:00Z or 2026-03-01")
    date, clock, offset = found["date"], found["time"], found["offset"]
    if clock is None:
        clock, offset = "00:00:00", "Z"
    if offset is None:
        raise ValueError(f"a time without offset is ambiguous; write {date}T{clock}Z for UTC, or end it with +01:00")
    # in a query string a bare `+` arrives as a space
    offset = offset.replace(" ", "+").upper()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset}")
    except ValueError as error:
        raise ValueError(f"no such time: {error}") from None
    # by whole units: a float of seconds may lose the millisecond
    return (moment - _EPOCH) // _MILLISECOND
