"""A sensor's state as the changelog has it: 8 bytes of revision, then MessagePack; load and dump are inverse.

It is written at every batch that the sensor speaks in, so it is small and cheap: times are distances from the newest
reading, gateways places among the receptions, properties numbers, columns steps. A new field goes to the end of
`Stored`, of `dump` and of `load`, with a default: an older state lacks it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

import msgspec

from schemas.advertisement import TimeSource
from schemas.aggregate import FIVE_MINUTES, SECOND
from schemas.freshness import Freshness
from schemas.reading import LatestValue, Reception, Refused
from streams.cells_codec import dump_cells, load_cells
from streams.columns import Column, read, written
from streams.counters import Counters
from streams.freshness import Silence
from streams.gateway_names import Packed, pack, unpack
from streams.ledger import Ledger
from streams.old_states import migrate
from streams.packets import RHYTHM_MS, Packets
from streams.properties import NAMES, NUMBERS, STEPS, in_steps
from streams.sensor_state import Newest, SensorState
from streams.windows import Windows

VERSION = 3

_SOURCES: tuple[TimeSource, ...] = get_args(TimeSource)
_FRESHNESS: tuple[Freshness, ...] = get_args(Freshness)
_WORDS: dict[Freshness | None, int] = {word: number for number, word in enumerate(_FRESHNESS)}
_FIVE_MS = FIVE_MINUTES * SECOND
T = TypeVar("T")
StoredNewest = tuple[int, int, int | str, int | None, int | None, tuple[str, ...]]


class Stored(msgspec.Struct, array_like=True):
    """The first fourteen are where version 2 has its fields: a bluflow that knows that one reads what version it is."""

    version: int
    _revision: int
    fences: dict[int, tuple[int, int, int]]
    _packets: list[Any]
    _newest: None
    last_seen: int | None
    readings: int
    _values: dict[str, Any]
    _receptions: dict[str, Any]
    counters: Counters | None
    _silence: list[Any]
    _windows: list[Any]
    refused: Refused | None
    ledger: Ledger
    gateways: Packed
    receptions: list[int | None]
    newest: StoredNewest | None
    values: list[Any]
    silence: tuple[int | None, int, int]
    hearings: dict[int | str, list[int]]
    remembered: int
    packets: list[list[int]]
    numbers: dict[int, list[int]]
    left_out: dict[int, tuple[str, ...] | None]
    others: dict[int, dict[str, Any]]
    published: int
    open: list[int]
    cells: bytes
    moved: dict[int | str, list[int]] = {}
    measured: list[Any] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Stored).decode


class _Version(msgspec.Struct, array_like=True):
    """The one field that never moves."""

    version: int


_version = msgspec.msgpack.Decoder(_Version).decode


class UnknownVersion(Exception):
    """A state of a bluflow newer than this one."""


def dump(state: SensorState) -> bytes:
    """The bytes for the changelog."""
    newest, packets, windows, silence = state.newest, state.packets, state.windows, state.silence
    base = state.last_seen or 0
    places = {name: place for place, name in enumerate(state.receptions)}
    if windows.encoded is None:
        windows.encoded = dump_cells(windows)
    stored: tuple[object, ...] = (
        *(VERSION, 0, state.fences, (), None, state.last_seen, state.readings, {}, {}, state.counters, (), ()),
        state.refused,
        state.ledger,
        pack(tuple(state.receptions)),
        [fact for held in state.receptions.values() for fact in (held.rssi, base - held.heard_at, held.copies)],
        None if newest is None else _dump_newest(newest, base, places),
        [each for name, held in state.values.items() for each in _dump_value(name, held, base)],
        (_WORDS.get(silence.freshness), base - silence.since, silence.since - silence.last),
        _dump_hearings(silence.hearings, state.receptions, places),
        len(packets),
        _dump_columns(packets, base),
        {NUMBERS[name]: [column.unit, *written(column.steps)] for name, column in packets.numbers.items()},
        _by_row(packets.left_out, packets.measured_at),
        _by_row(packets.others, packets.measured_at),
        base - windows.published,
        [(base // _FIVE_MS - number) * 2 + more for number, more in windows.open.items()],
        windows.encoded,
        _dump_moved(packets.moved) if packets.moved else {},
        [each for name, value in state.measured.items() for each in (NUMBERS.get(name, name), value)],
    )
    return state.revision.to_bytes(8, "big") + _encode(stored)


def load(value: bytes | SensorState | None) -> SensorState:
    """Of a table's value, as recovered or as held. Raises UnknownVersion."""
    if isinstance(value, SensorState):
        return value
    if value is None:
        return SensorState()
    encoded = memoryview(value)[8:]
    version = _version(encoded).version
    if version > VERSION:
        raise UnknownVersion(f"state of version {version}, this bluflow knows {VERSION}: do not go back")
    if version < VERSION:
        return migrate(encoded)
    return _load(_decode(encoded), int.from_bytes(value[:8], "big"))


def _load(stored: Stored, revision: int) -> SensorState:
    base, names = stored.last_seen or 0, unpack(stored.gateways)
    receptions = _load_receptions(stored.receptions, base, names)
    word, since, last = stored.silence
    hearings = _load_hearings(stored.hearings, receptions, names)
    windows = Windows(base - stored.published, {base // _FIVE_MS - each // 2: bool(each % 2) for each in stored.open})
    load_cells(stored.cells, windows)
    return SensorState(
        revision=revision,
        fences=stored.fences,
        packets=_load_packets(stored, base),
        newest=None if stored.newest is None else _load_newest(stored.newest, base, names),
        last_seen=stored.last_seen,
        readings=stored.readings,
        values=_load_values(stored.values, base),
        receptions=receptions,
        counters=stored.counters,
        silence=Silence(None if word is None else _FRESHNESS[word], base - since, base - since - last, hearings),
        windows=windows,
        refused=stored.refused,
        ledger=stored.ledger,
        measured=_load_measured(stored.measured),
    )


def _named(stored: Mapping[int | str, T], names: Sequence[str]) -> Iterator[tuple[str, T]]:
    """By the names of gateways, whose keys are their places; a name is itself."""
    return ((key if isinstance(key, str) else names[key], each) for key, each in stored.items())


def _dump_newest(newest: Newest, base: int, places: Mapping[str, int]) -> tuple[Any, ...]:
    gateway = places.get(newest.gateway, newest.gateway)
    return (
        base - newest.measured_at,
        _SOURCES.index(newest.time_source),
        gateway,
        newest.rssi,
        newest.packet_id,
        newest.flags,
    )


def _load_newest(stored: StoredNewest, base: int, names: Sequence[str]) -> Newest:
    time, source, gateway, rssi, packet_id, flags = stored
    return Newest(
        base - time, _SOURCES[source], gateway if isinstance(gateway, str) else names[gateway], rssi, packet_id, flags
    )


def _load_receptions(stored: Sequence[Any], base: int, names: Sequence[str]) -> dict[str, Reception]:
    facts = zip(names, stored[::3], stored[1::3], stored[2::3], strict=True)
    return {name: Reception(rssi, base - time, copies) for name, rssi, time, copies in facts}


def _dump_value(name: str, held: LatestValue, base: int) -> tuple[int | str, int, object]:
    """Name, time and value. A name is its property's number * 2, one more if the value is a float in steps."""
    value, number = held.value, NUMBERS.get(name)
    if number is None:
        return name, base - held.measured_at, value
    steps = in_steps(name, value) if type(value) is float else None
    if not steps:  # nor is 0 written so, as there are two
        return number * 2, base - held.measured_at, value
    return number * 2 + 1, base - held.measured_at, steps


def _load_values(stored: Sequence[Any], base: int) -> dict[str, LatestValue]:
    values, rest = {}, iter(stored)
    for key, time, value in zip(rest, rest, rest, strict=True):
        if isinstance(key, str):
            values[key] = LatestValue(value, base - time)
        else:
            name = NAMES[key // 2]
            values[name] = LatestValue(value / STEPS[name] if key % 2 else value, base - time)
    return values


def _load_measured(stored: Sequence[Any]) -> dict[str, Any]:
    names, values = stored[::2], stored[1::2]
    return {name if isinstance(name, str) else NAMES[name]: value for name, value in zip(names, values, strict=True)}


def _dump_hearings(
    hearings: Mapping[str, Sequence[int]], receptions: Mapping[str, Reception], places: Mapping[str, int]
) -> dict[int | str, list[int]]:
    """Distances from when the gateway was heard last, which nearly always is the newest of them."""
    found: dict[int | str, list[int]] = {}
    for name, times in hearings.items():
        base = receptions[name].heard_at if name in receptions else 0
        found[places.get(name, name)] = [base - time for time in times]
    return found


def _load_hearings(
    stored: Mapping[int | str, Sequence[int]], receptions: Mapping[str, Reception], names: Sequence[str]
) -> dict[str, list[int]]:
    hearings = {}
    for name, distances in _named(stored, names):
        base = receptions[name].heard_at if name in receptions else 0
        hearings[name] = [base - distance for distance in distances]
    return hearings


def _dump_columns(packets: Packets, base: int) -> list[list[int]]:
    times = packets.measured_at.steps
    if not times:
        return []
    return [
        [base - times[0], *times[1:]],
        *(written(packets.packet_id.steps), written(packets.counter.steps)),
        *map(_plain, (packets.came_after, packets.heard_by, packets.native)),
    ]


def _dump_moved(moved: Mapping[str, Column]) -> dict[int | str, list[int]]:
    return {NUMBERS.get(name, name): [moves.unit, *written(moves.steps)] for name, moves in moved.items()}


def _load_packets(stored: Stored, base: int) -> Packets:
    if not stored.packets:
        return Packets()
    count, (times, packet_id, counter, *plain) = stored.remembered, stored.packets
    came_after, heard_by, native = (_whole(column, count) for column in plain)
    measured_at = read([base - times[0], *times[1:]], count, rhythm=RHYTHM_MS)
    return Packets(
        measured_at,
        read(packet_id, count),
        read(counter, count),
        came_after,
        heard_by,
        native,
        {measured_at[row]: names for row, names in stored.left_out.items()},
        {NAMES[number]: read(steps, count, unit) for number, (unit, *steps) in stored.numbers.items()},
        {measured_at[row]: values for row, values in stored.others.items()},
        {name: read(steps, count, unit) for name, (unit, *steps) in _named(stored.moved, NAMES)},
    )


def _plain(column: list[int]) -> list[int]:
    """The column; of one that is the same throughout, its first entry."""
    return column[:1] if column.count(column[0]) == len(column) else column


def _whole(column: list[int], count: int) -> list[int]:
    return column if len(column) == count else column * count


def _by_row(odd: Mapping[int, T], times: Sequence[int]) -> dict[int, T]:
    """What some packets have, by their places instead of their times."""
    return {row: odd[time] for row, time in enumerate(times) if time in odd} if odd else {}
