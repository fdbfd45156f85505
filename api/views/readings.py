"""A reading as a row of JSON and of CSV."""

import msgspec

from api.csv import csv_line
from api.times import rfc3339
from schemas.reading import Reading

# Fixed, because they are written before the first reading is read. Other properties are in json and ndjson.
READING_COLUMNS = (
    "measured_at",
    "temperature",
    "humidity",
    "battery",
    "packet_id",
    "gateway",
    "rssi",
    "time_source",
    "flags",
    "raw_temperature",
    "raw_humidity",
)

_encode = msgspec.json.encode  # writes a number that is not finite as null


def reading_json(reading: Reading) -> bytes:
    """The entry of `data`."""
    return _encode(
        {
            "measured_at": rfc3339(reading.measured_at),
            "received_at": rfc3339(reading.received_at),
            "time_source": reading.time_source,
            "values": reading.values,
            "measured": reading.measured,
            "gateway": reading.gateway,
            "rssi": reading.rssi,
            "packet_id": reading.packet_id,
            "flags": reading.flags,
        }
    )


def reading_csv(reading: Reading) -> bytes:
    """One line of READING_COLUMNS."""
    return csv_line(
        (
            rfc3339(reading.measured_at),
            _cell(reading.values.get("temperature")),
            _cell(reading.values.get("humidity")),
            _cell(reading.values.get("battery")),
            reading.packet_id,
            reading.gateway,
            reading.rssi,
            reading.time_source,
            ";".join(reading.flags),
            _cell(reading.said.get("temperature")),
            _cell(reading.said.get("humidity")),
        )
    )


def _cell(value: object) -> object:
    """A repeated property in one cell."""
    return ";".join(map(str, value)) if isinstance(value, list) else value
