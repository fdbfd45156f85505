"""Deliveries as rows of the history's SQLite file."""

from typing import Any

import msgspec

from history.store import ReadingRejected
from schemas.delivery import HOUR_MS, Delivery

SINCE = 3  # the schema version that brought them

TABLE = """
    CREATE TABLE IF NOT EXISTS delivery (
        sensor INTEGER NOT NULL, start INTEGER NOT NULL,
        expected INTEGER NOT NULL, heard INTEGER NOT NULL, unknown INTEGER NOT NULL, gateways TEXT NOT NULL,
        revision INTEGER NOT NULL, final INTEGER NOT NULL,
        PRIMARY KEY (sensor, start)
    ) WITHOUT ROWID;
"""
# An hour of which fewer packets were heard is no newer knowledge: a state that was lost begins in its midst.
UPSERT = """
    INSERT INTO delivery VALUES ((SELECT id FROM sensor WHERE mac = ?), ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        expected = excluded.expected, heard = excluded.heard, unknown = excluded.unknown,
        gateways = excluded.gateways, revision = excluded.revision, final = excluded.final
    WHERE excluded.revision > revision AND excluded.heard >= heard
"""
ADD = UPSERT[: UPSERT.index("ON CONFLICT")] + "ON CONFLICT DO NOTHING"
TAKE_OVER = UPSERT[: UPSERT.index("WHERE excluded")] + "WHERE excluded.final >= final"
RANGE = """
    SELECT mac, start, expected, heard, gateways, revision, unknown, final
    FROM delivery JOIN sensor ON sensor.id = delivery.sensor
    WHERE delivery.sensor = (SELECT id FROM sensor WHERE mac = ?) AND start >= ? AND start < ? ORDER BY start
"""
STORED = f"""
    SELECT measured_at / {HOUR_MS} * {HOUR_MS} AS hour, count(*) FROM reading
    WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND measured_at >= ? AND measured_at < ? GROUP BY hour
"""  # noqa: S608 - a constant
DELETE_CLOSED = f"""
    DELETE FROM delivery
    WHERE sensor = (SELECT id FROM sensor WHERE mac = ?) AND start >= ? AND start < ? AND start + {HOUR_MS} <= ?
"""  # noqa: S608 - a constant
# A step down the primary key for each sensor.
PRUNE = """
    DELETE FROM delivery WHERE (sensor, start) IN (
        SELECT old.sensor, old.start FROM sensor CROSS JOIN delivery AS old
        WHERE old.sensor = sensor.id AND old.start < ? LIMIT ?)
"""

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, int]).decode


def row(delivery: Delivery) -> tuple[Any, ...]:
    """The parameters of UPSERT, the sensor's address first. Raises ReadingRejected for what is no text."""
    d = delivery
    try:
        gateways = _encode(d.by_gateway).decode()
    except (OverflowError, UnicodeEncodeError) as error:
        raise ReadingRejected(f"{type(error).__name__}: {error}") from error
    return d.sensor, d.start, d.expected, d.heard, d.unknown_ms, gateways, d.revision, d.final


def delivery(row: tuple[Any, ...]) -> Delivery:
    """The delivery of a row of RANGE."""
    sensor, start, expected, heard, gateways, revision, unknown, final = row
    return Delivery(sensor, start, expected, heard, _decode(gateways), revision, unknown, bool(final))
