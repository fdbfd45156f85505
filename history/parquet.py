"""Raw records in Parquet: columns, what a file says of itself, records as rows and back. See docs/archive.md."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from history.archive import Place, Placed, RawRecord
from history.spans import Span

VERSION = 1  # of the columns; grows when an older bluflow would misread a file
DAY_MS = 86_400_000
_FACTS = b"bluflow"  # the footer's key for what a file says of itself
_CHECK = b"bluflow.check"  # and for the BLAKE2b of that, 8 bytes in hex: Parquet's own checksums are of pages alone

_HEADER = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.binary())])
_HEADERS = pa.list_(pa.field("element", _HEADER, nullable=False))
SCHEMA = pa.schema(
    [
        pa.field("received_at", pa.timestamp("ms", "UTC"), nullable=False),
        pa.field("raw_partition", pa.int32(), nullable=False),
        pa.field("raw_offset", pa.int64(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", _HEADERS, nullable=False),
    ]
)
PLACE = SCHEMA.names[:3]

_encode = msgspec.msgpack.Encoder().encode


class UnusableFile(Exception):
    """The text is one line: which file, what is wrong with it, how to mend it."""


class Facts(msgspec.Struct, frozen=True):
    """What a file says of itself. Times in unix milliseconds.

    `log`: the topic and cluster it is of. `day`: the midnight, UTC, of the day to which all its rows belong. `covered`:
    when the log is held whole: every record that arrived then is in the file. `digest`: see `Digest`.
    """

    schema: int
    bluflow: str
    log: str
    day: int
    covered: tuple[Span, ...] = ()
    partitions: int = 0
    rows: int = 0
    first: int | None = None
    last: int | None = None
    digest: str = ""

    @property
    def whole(self) -> bool:
        """Whether the whole day is covered."""
        return self.covered == ((self.day, self.day + DAY_MS),)

    def metadata(self) -> dict[bytes, bytes]:
        """For the file's footer."""
        said = msgspec.json.encode(self)
        return {_FACTS: said, _CHECK: _check(said)}


class Digest:
    """BLAKE2b, 16 bytes, over the rows in order, each as a MessagePack array of the six columns."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def add(self, placed: Placed) -> None:
        """One more row."""
        offset, received_at, (partition, key, value, headers) = placed
        self._hash.update(_encode((received_at, partition, offset, key, value, headers)))

    def text(self) -> str:
        """In hex, of the rows so far."""
        return self._hash.hexdigest()


def read_facts(path: Path, schema: Any) -> Facts:
    """What the file says of itself. Raises UnusableFile for one that `bluflow archive export` did not write."""
    metadata = schema.metadata or {}
    said = metadata.get(_FACTS)
    if said is None:
        raise UnusableFile(f"{path}: a Parquet file, but not one that bluflow exported")
    try:
        if metadata.get(_CHECK) != _check(said):
            raise ValueError("its checksum is another")
        facts = msgspec.json.decode(said, type=Facts)
    except (ValueError, msgspec.MsgspecError) as error:
        raise UnusableFile(f"{path}: what it says of itself cannot be read ({error}): export its day again") from None
    if facts.schema > VERSION:
        raise UnusableFile(
            f"{path}: bluflow {facts.bluflow} wrote it with schema {facts.schema}, this one knows {VERSION}: "
            "use a newer one"
        )
    if not schema.equals(SCHEMA):
        raise UnusableFile(f"{path}: its columns are not those of raw frames: export its day again")
    return facts


def _check(said: bytes) -> bytes:
    return blake2b(said, digest_size=8).hexdigest().encode()


def batch_of(rows: Sequence[Placed]) -> Any:
    """The records as one record batch."""
    ends, names, values = [0], list[str](), list[bytes | None]()
    for placed in rows:
        for name, value in placed.record.headers:
            names.append(name)
            values.append(value)
        ends.append(len(names))
    pairs = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.binary())], fields=list(_HEADER)
    )
    columns = [
        pa.array([placed.received_at for placed in rows], SCHEMA.field(0).type),
        pa.array([placed.record.partition for placed in rows], pa.int32()),
        pa.array([placed.offset for placed in rows], pa.int64()),
        pa.array([placed.record.key for placed in rows], pa.binary()),
        pa.array([placed.record.value for placed in rows], pa.binary()),
        pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pairs, type=_HEADERS),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def places_of(batch: Any) -> Iterator[Place]:
    """The places of its rows; the batch has the columns PLACE, or all."""
    received, partitions, offsets = (batch.column(number) for number in range(3))
    return map(Place, received.cast(pa.int64()).to_pylist(), partitions.to_pylist(), offsets.to_pylist())


def rows_of(batch: Any) -> Iterator[Placed]:
    """Its rows as records."""
    keys, values = batch.column(3).to_pylist(), batch.column(4).to_pylist()
    pairs, ends = batch.column(5).flatten(), batch.column(5).offsets.to_pylist()
    names, said = (pairs.field(number).to_pylist() for number in range(2))
    start = ends[0]
    for number, place in enumerate(places_of(batch)):
        begin, end = ends[number] - start, ends[number + 1] - start
        headers = list(zip(names[begin:end], said[begin:end], strict=True))
        yield Placed(place.offset, place.received_at, RawRecord(place.partition, keys[number], values[number], headers))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What Arrow and the file system have against it becomes UnusableFile."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, OSError) and error.strerror and error.filename:
            raise UnusableFile(f"{path}: {error.strerror}") from error
        line = " ".join(str(error).split())
        raise UnusableFile(f"{path}: damaged, or no Parquet file ({line[:200]})") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the file system has against it becomes UnusableFile."""
    try:
        yield
    except OSError as error:
        raise UnusableFile(f"{path} cannot be written: {error.strerror or error}") from error
