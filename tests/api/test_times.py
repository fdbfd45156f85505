"""Times in and out."""

import pytest

from api.times import parse_instant, rfc3339
from tests.api.fakes import NOW


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-03-01", NOW - 12 * 3600_000),
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01t12:00:00z", NOW),
        ("2026-03-01 12:00:00Z", NOW),
        ("2026-03-01T12:00:00.001Z", NOW + 1),
        ("2026-03-01T13:00:00+01:00", NOW),
        ("2026-03-01T13:00:00 01:00", NOW),  # a + that was not escaped in the query
        ("2026-03-01T06:30:00-05:30", NOW),
        ("1970-01-01", 0),
        ("0001-01-01", -62_135_596_800_000),
    ],
)
def test_an_instant_is_read(text: str, milliseconds: int) -> None:
    assert parse_instant(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "how_to_mend"),
    [
        ("yesterday", "write 2026-03-01T12:00:00Z or 2026-03-01"),
        ("2026-03-01T12:00:00", "write 2026-03-01T12:00:00Z for UTC"),
        ("2026-02-30", "no such time"),
        ("2026-03-01T24:30:00Z", "no such time"),
        ("1772366400000", "not an RFC 3339 time"),
    ],
)
def test_what_is_no_instant_says_how_to_mend_it(text: str, how_to_mend: str) -> None:
    with pytest.raises(ValueError, match=how_to_mend):
        parse_instant(text)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(NOW) == "2026-03-01T12:00:00.000Z"
    assert rfc3339(NOW + 7) == "2026-03-01T12:00:00.007Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


def test_an_absurd_time_is_clamped_to_the_calendar() -> None:
    assert rfc3339(10**18) == "9999-12-31T23:59:59.999Z"
    assert rfc3339(-(10**18)) == "0001-01-01T00:00:00.000Z"
