"""`python -m benchmarks.sink.client CASE URL COUNT`: the same points, from the bytes of records. Cases: `points`, by
influxdb-client's Point and its batching writer; `lines`, by a format string and a plain POST, which escapes and checks
nothing; `ready`, lines that are there already and need only be posted: the floor.
"""

import http.client
import sys
from urllib.parse import urlsplit

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions
from influxdb_client.domain.write_precision import WritePrecision

from benchmarks.meter import Meter
from benchmarks.sink.readings import BATCH, POINTS, batches
from history.points import reading_points
from schemas.codec import decode_reading


def points(url: str, count: int) -> None:
    """As InfluxData's documentation shows it."""
    given, meter = batches(count), Meter()
    client = InfluxDBClient(url=url, token="t", org="bench", enable_gzip=True)  # noqa: S106 - nobody checks it
    meter.begin()
    with client.write_api(write_options=WriteOptions(batch_size=BATCH, flush_interval=1000)) as writer:
        for batch in given:
            for value in batch:
                reading = decode_reading(value)
                whole = Point("reading").tag("sensor_id", reading.sensor).field("record", value.decode())
                writer.write("bench", "bench", whole.time(reading.measured_at, WritePrecision.MS))
                for quantity, number in reading.values.items():
                    point = Point(quantity).tag("sensor_id", reading.sensor).tag("location", "")
                    point = point.field("value", float(number)).time(reading.measured_at, WritePrecision.MS)
                    writer.write("bench", "bench", point)
    meter.report(count * POINTS, count * POINTS)


def lines(url: str, count: int) -> None:
    """As one would write it who trusts every byte."""
    given, meter = batches(count), Meter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    meter.begin()
    for batch in given:
        found = []
        for value in batch:
            reading = decode_reading(value)
            at, tags = reading.measured_at * 1_000_000, f"location=,sensor_id={reading.sensor}"
            record = value.decode().replace('"', '\\"')
            found.append(f'reading,sensor_id={reading.sensor} record="{record}" {at}')
            found += [f"{name},{tags} value={float(number)} {at}" for name, number in reading.values.items()]
        _post(connection, "\n".join(found).encode())
    meter.report(count * POINTS, count * POINTS)


def ready(url: str, count: int) -> None:
    """Nothing is made, only posted; not packed."""
    given = [
        "\n".join(line for value in batch for line in reading_points(decode_reading(value), "")).encode()
        for batch in batches(count)
    ]
    connection, meter = http.client.HTTPConnection(urlsplit(url).netloc), Meter()
    meter.begin()
    for body in given:
        _post(connection, body)
    meter.report(count * POINTS, count * POINTS)


def _post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/api/v2/write?bucket=bench&org=bench&precision=ns", body)
    connection.getresponse().read()


if __name__ == "__main__":
    {"points": points, "lines": lines, "ready": ready}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
