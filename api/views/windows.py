"""Aggregates as rows of one window each, in JSON and in CSV."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

import msgspec

from api.csv import csv_line
from api.formats import closing
from api.times import rfc3339
from schemas.aggregate import SECOND, Aggregate

WINDOW_COLUMNS = ("start", "quantity", "count", "min", "max", "mean", "first", "last")

_encode = msgspec.json.encode


class Window(NamedTuple):
    """Every quantity of one window. Times in unix milliseconds."""

    start: int
    end: int
    aggregates: list[Aggregate]


async def windows(aggregates: AsyncIterator[Aggregate]) -> AsyncGenerator[Window]:
    """Aggregates of one width, sorted by start, as windows. Raises what the store raises."""
    async with closing(aggregates):
        held: list[Aggregate] = []
        async for one in aggregates:
            if held and one.start != held[0].start:
                yield _window(held)
                held = []
            held.append(one)
        if held:
            yield _window(held)


def window_json(window: Window) -> bytes:
    """The entry of `data`."""
    return _encode(
        {
            "start": rfc3339(window.start),
            "end": rfc3339(window.end),
            "final": all(one.final for one in window.aggregates),
            "quantities": {
                _name(one): {
                    "count": one.count,
                    "min": one.min,
                    "max": one.max,
                    "mean": one.mean,
                    "first": one.first,
                    "last": one.last,
                }
                for one in window.aggregates
            },
        }
    )


def window_csv(window: Window) -> bytes:
    """A line of WINDOW_COLUMNS for each quantity."""
    start = rfc3339(window.start)
    return b"".join(
        csv_line((start, _name(one), one.count, one.min, one.max, one.mean, one.first, one.last))
        for one in window.aggregates
    )


def _window(aggregates: list[Aggregate]) -> Window:
    start, width = aggregates[0].start, aggregates[0].width
    return Window(start, start + width * SECOND, aggregates)


def _name(one: Aggregate) -> str:
    """The quantity; further instances are told apart by their index."""
    return f"{one.quantity}[{one.index}]" if one.index else one.quantity
