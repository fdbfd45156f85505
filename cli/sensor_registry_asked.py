"""What the arguments of `bluflow sensors` say. Each function raises BadParameter with one line."""

import re
import time

import typer

from runtime.sensor_entry import EVER, LARGEST_OFFSET, LONGEST_INTERVAL, QUANTITY, moment
from runtime.yaml_nodes import LONGEST_TEXT
from schemas.registry import Limit, Offset

_INTERVAL = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|min|h|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def now() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def text_of(given: str, what: str) -> str:
    """A line that can be shown."""
    text = given.strip()
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        raise typer.BadParameter(f"{what}: 1 to {LONGEST_TEXT} characters that can be shown are wanted")
    return text


def since_of(given: str | None) -> int:
    """From when on, unix milliseconds; now, if nothing was given."""
    if given is None:
        return now()
    try:
        return EVER if given == "ever" else moment(given)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, nor the word ever", param_hint="--since") from None


def interval_of(given: str) -> int:
    """`60s`, `5m`, `1h` or a number of seconds, as milliseconds."""
    found = _INTERVAL.fullmatch(given.strip().lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0
    if not 1 <= seconds <= LONGEST_INTERVAL:
        raise typer.BadParameter(f"{given!r} is not an interval from 1s to {LONGEST_INTERVAL // 3600}h, such as 60s")
    return round(seconds * 1000)


def offset_of(given: str, since: int) -> tuple[str, Offset]:
    """`temperature=-0.3`."""
    quantity, text = _pair(given, "temperature=-0.3")
    offset = _number(text, given)
    if abs(offset) > LARGEST_OFFSET:
        raise typer.BadParameter(f"{given!r}: beyond {LARGEST_OFFSET}")
    return quantity, Offset(since, offset)


def limit_of(given: str) -> tuple[str, Limit | None]:
    """`temperature=2..8`; either end may be left out, and `temperature=` takes the limits away."""
    quantity, text = _pair(given, "temperature=2..8")
    if not text:
        return quantity, None
    low, dots, high = text.partition("..")
    bounds = [_number(bound, given) if bound else None for bound in (low, high)]
    if not dots or bounds == [None, None]:
        raise typer.BadParameter(f"{given!r} is not like temperature=2..8, temperature=..8 or temperature=")
    if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
        raise typer.BadParameter(f"{given!r}: the low end is above the high one")
    return quantity, Limit(*bounds)


def _pair(given: str, example: str) -> tuple[str, str]:
    quantity, equals, text = given.partition("=")
    if not equals or not QUANTITY.fullmatch(quantity):
        raise typer.BadParameter(f"{given!r} is not like {example}")
    return quantity, text.strip()


def _number(text: str, given: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not abs(found) < float("inf"):
        raise typer.BadParameter(f"{given!r}: {text[:40]!r} is not a number")
    return found
