"""Aggregates as rows of the history's SQLite file."""

import math
from typing import Any

from history.store import ReadingRejected
from schemas.aggregate import FIVE_MINUTES, SECOND, WIDTHS, Aggregate

SINCE = 2  # the schema version that brought them

# first_at and last_at are distances to the window's start.
TABLE = """
    CREATE TABLE IF NOT EXISTS aggregate (
        sensor INTEGER NOT NULL, width INTEGER NOT NULL, start INTEGER NOT NULL,
        quantity TEXT NOT NULL, instance INTEGER NOT NULL,
        count INTEGER NOT NULL, min REAL NOT NULL, max REAL NOT NULL, mean REAL NOT NULL,
        first REAL NOT NULL, first_after INTEGER NOT NULL, last REAL NOT NULL, last_after INTEGER NOT NULL,
        revision INTEGER NOT NULL, final INTEGER NOT NULL,
        PRIMARY KEY (sensor, width, start, quantity, instance)
    ) WITHOUT ROWID;
"""
# A window that has seen fewer readings is no newer knowledge: a state that was lost with its log begins in its midst.
UPSERT = """
    INSERT INTO aggregate VALUES ((SELECT id FROM sensor WHERE mac = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        count = excluded.count, min = excluded.min, max = excluded.max, mean = excluded.mean,
        first = excluded.first, first_after = excluded.first_after,
        last = excluded.last, last_after = excluded.last_after,
        revision = excluded.revision, final = excluded.final
    WHERE excluded.revision > revision AND excluded.count >= count
"""
ADD = UPSERT[: UPSERT.index("ON CONFLICT")] + "ON CONFLICT DO NOTHING"
PAGE = """
    SELECT mac, width, start, quantity, instance, count, min, max, mean, first, first_after, last, last_after,
           revision, final
    FROM aggregate JOIN sensor ON sensor.id = aggregate.sensor
    WHERE aggregate.sensor = (SELECT id FROM sensor WHERE mac = ?) AND width = ? AND start < ?
    AND (start, quantity, instance) > (?, ?, ?)
    ORDER BY start, quantity, instance LIMIT ?
"""
# Of another generation's windows, whose revisions are others; the open ones are gone by then.
TAKE_OVER = UPSERT[: UPSERT.index("WHERE excluded")] + "WHERE excluded.final >= final"
DELETE_OPEN = f"""
    DELETE FROM aggregate
    WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND width IN {WIDTHS} AND NOT final
    AND start + width * {SECOND} >= ?
"""  # noqa: S608 - constants
# What a rebuild knows the whole of: windows that end by then, of any width.
DELETE_CLOSED = f"""
    DELETE FROM aggregate
    WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND width IN {WIDTHS} AND start >= ? AND start < ?
    AND start + width * {SECOND} <= ?
"""  # noqa: S608 - constants
# One step down the primary key for each sensor, however many rows it has.
PRUNE = f"""
    DELETE FROM aggregate WHERE (sensor, width, start, quantity, instance) IN (
        SELECT old.sensor, old.width, old.start, old.quantity, old.instance
        FROM sensor CROSS JOIN aggregate AS old
        WHERE old.sensor = sensor.id AND old.width = {FIVE_MINUTES} AND old.start < ? LIMIT ?)
"""  # noqa: S608 - a constant


def row(aggregate: Aggregate) -> tuple[Any, ...]:
    """The parameters of UPSERT, the sensor's address first. Raises ReadingRejected for what is no number."""
    a = aggregate
    if not all(map(math.isfinite, (a.min, a.max, a.mean, a.first, a.last))):
        raise ReadingRejected(f"not a number: {a}")  # SQLite would keep NULL
    return (
        *(a.sensor, a.width, a.start, a.quantity, a.index),
        *(a.count, a.min, a.max, a.mean, a.first, a.first_at - a.start, a.last, a.last_at - a.start),
        *(a.revision, a.final),
    )


def aggregate(row: tuple[Any, ...]) -> Aggregate:
    """The aggregate of a row of PAGE."""
    sensor, width, start, quantity, index, count, low, high, mean, first, first_after, last, last_after, *rest = row
    return Aggregate(
        sensor=sensor,
        quantity=quantity,
        index=index,
        width=width,
        start=start,
        count=count,
        min=low,
        max=high,
        mean=mean,
        first=first,
        first_at=start + first_after,
        last=last,
        last_at=start + last_after,
        revision=rest[0],
        final=bool(rest[1]),
    )
