"""Readings as JSON, CSV and NDJSON, written while they are read: constant memory for any range."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Send

from api.times import rfc3339
from schemas.reading import Reading

Format = Literal["json", "csv", "ndjson"]

# Fixed, because they are written before the first reading is read. Other properties are in json and ndjson.
CSV_COLUMNS = (
    "measured_at",
    "temperature",
    "humidity",
    "battery",
    "packet_id",
    "gateway",
    "rssi",
    "time_source",
    "flags",
)

_CHUNK = 32 * 1024  # bytes; a chunk a reading would be many times slower

_encode = msgspec.json.encode  # writes a number that is not finite as null


@dataclass(frozen=True, slots=True)
class Writing:
    """How one format is written: what stands before, between and after the readings."""

    media_type: str
    row: Callable[[Reading], bytes]
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""


def writing(format: Format, sensor: str, start: int, end: int) -> Writing:
    """The way to write one sensor's readings of [start, end)."""
    if format == "csv":
        return Writing("text/csv", _csv_row, before=_csv_line(CSV_COLUMNS))
    if format == "ndjson":
        return Writing("application/x-ndjson", lambda reading: _json_row(reading) + b"\n")
    head = _encode({"sensor": sensor, "from": rfc3339(start), "to": rfc3339(end)})[:-1] + b',"data":['
    return Writing("application/json", _json_row, before=head, between=b",", after=b"]}")


async def write(how: Writing, first: Reading | None, rest: AsyncIterator[Reading]) -> AsyncGenerator[bytes]:
    """The body in chunks. `first` goes out at once; an error of the store goes through to the server."""
    async with closing(rest):
        yield how.before + (how.row(first) if first else b"")
        chunk = bytearray()
        async for reading in rest:
            chunk += how.between + how.row(reading)
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
                await asyncio.sleep(0)  # a turn for other requests, and for the news that the client has left
        yield bytes(chunk + how.after)


@asynccontextmanager
async def closing(readings: AsyncIterator[Reading]) -> AsyncIterator[None]:
    """Let go of the store when the reading ends early, not when the garbage collector comes by."""
    try:
        yield
    finally:
        if isinstance(readings, AsyncGenerator):
            await readings.aclose()


class Export(StreamingResponse):
    """A streamed body that is closed when the client leaves."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()


def negotiate(accept: str) -> Format | None:
    """The format that an Accept header likes best, None if it takes none of ours; JSON if all are alike."""
    offers: dict[str, Format] = {
        "application/json": "json",
        "text/csv": "csv",
        "application/x-ndjson": "ndjson",
        "application/*": "json",
        "text/*": "csv",
        "*/*": "json",
    }
    best: tuple[float, Format | None] = (0.0, None)
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        if name in offers and quality > best[0]:
            best = (quality, offers[name])
    return best[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def _json_row(reading: Reading) -> bytes:
    return _encode(
        {
            "measured_at": rfc3339(reading.measured_at),
            "received_at": rfc3339(reading.received_at),
            "time_source": reading.time_source,
            "values": reading.values,
            "gateway": reading.gateway,
            "rssi": reading.rssi,
            "packet_id": reading.packet_id,
            "flags": reading.flags,
        }
    )


def _csv_row(reading: Reading) -> bytes:
    return _csv_line(
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
        )
    )


def _cell(value: object) -> object:
    """A repeated property in one cell."""
    return ";".join(map(str, value)) if isinstance(value, list) else value


def _csv_line(cells: tuple[object, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
