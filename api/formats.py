"""Rows as JSON, CSV and NDJSON, written while they are read: constant memory for any range."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec
from fastapi.responses import StreamingResponse
from starlette.types import Send

from api.csv import csv_line

Format = Literal["json", "csv", "ndjson"]
T = TypeVar("T")

_CHUNK = 32 * 1024  # bytes; a chunk a reading would be many times slower


@dataclass(frozen=True, slots=True)
class Writing(Generic[T]):
    """How one format is written: what stands before, between and after the rows."""

    media_type: str
    row: Callable[[T], bytes]
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""


def writing(
    format: Format,
    *,
    json: Callable[[T], bytes],
    csv: Callable[[T], bytes],
    columns: tuple[str, ...],
    facts: dict[str, Any],
) -> Writing[T]:
    """The way to write rows, given how one is written; `facts` stand before the rows in JSON."""
    if format == "csv":
        return Writing("text/csv", csv, before=csv_line(columns))
    if format == "ndjson":
        return Writing("application/x-ndjson", lambda row: json(row) + b"\n")
    head = msgspec.json.encode(facts)[:-1] + b',"data":['
    return Writing("application/json", json, before=head, between=b",", after=b"]}")


async def write(how: Writing[T], first: T | None, rest: AsyncIterator[T]) -> AsyncGenerator[bytes]:
    """The body in chunks. `first` goes out at once; an error of the store goes through to the server."""
    async with closing(rest):
        yield how.before + (how.row(first) if first else b"")
        chunk = bytearray()
        async for row in rest:
            chunk += how.between + how.row(row)
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
                await asyncio.sleep(0)  # a turn for other requests, and for the news that the client has left
        yield bytes(chunk + how.after)


@asynccontextmanager
async def closing(rows: AsyncIterator[object]) -> AsyncIterator[None]:
    """Let go of the store when the reading ends early, not when the garbage collector comes by."""
    try:
        yield
    finally:
        if isinstance(rows, AsyncGenerator):
            await rows.aclose()


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
