"""States of versions 1 and 2, and what becomes of them. Pure; the rest of the code knows the newest only."""

import msgspec

from schemas.advertisement import Values
from schemas.reading import LatestValue, Reception
from streams.counters import Counters
from streams.freshness import Silence
from streams.packets import Packet
from streams.sensor_state import Newest, SensorState, gateway_mark
from streams.windows import Cell

_Cells = dict[str, list[dict[int, Cell]]]
_DIRTY = 9  # of a cell: whether it was not yet published as it is


class _Packet(msgspec.Struct, array_like=True):
    packet_id: int | None
    counter: int | None
    measured_at: int
    came_at: int
    values: Values
    heard_by: list[int] = []  # a gateway in two bytes
    native: bool = False


class _Windows(msgspec.Struct, array_like=True):
    published: int = 0
    cells: _Cells = {}


class _State(msgspec.Struct, array_like=True):
    version: int
    revision: int = 0
    fences: dict[int, tuple[int, int, int]] = {}
    packets: list[_Packet] = []
    newest: Newest | None = None
    last_seen: int | None = None
    readings: int = 0
    values: dict[str, LatestValue] = {}
    receptions: dict[str, Reception] = {}
    # since version 2
    counters: Counters | None = None
    silence: Silence = msgspec.field(default_factory=Silence)
    windows: _Windows = msgspec.field(default_factory=_Windows)


_decode = msgspec.msgpack.Decoder(_State).decode


def migrate(encoded: bytes | memoryview) -> SensorState:
    """The state that a bluflow of version 1 or 2 would have held, in today's form."""
    old = _decode(encoded)
    state = SensorState(
        revision=old.revision,
        fences=old.fences,
        newest=old.newest,
        last_seen=old.last_seen,
        readings=old.readings,
        values=old.values,
        receptions=old.receptions,
        counters=old.counters,
        silence=old.silence,
    )
    if old.version == 1 and old.last_seen is not None and old.newest is not None:
        # a sensor that fell silent before the change must be called silent after it
        state.silence.hearings[old.newest.gateway] = [old.last_seen]
    bits = {gateway_mark(name): 1 << place for place, name in enumerate(old.receptions)}
    for each in old.packets:
        packet = Packet(each.packet_id, each.counter, each.measured_at, each.values, each.native)
        heard_by = sum({bits.get(mark, 0) for mark in each.heard_by})
        state.packets.append(packet, each.came_at, heard_by, left_out=None)  # the cells have it
    _put_cells(state, old.windows)
    return state


def _put_cells(state: SensorState, old: _Windows) -> None:
    """What was in the open windows counts as said by packets that are forgotten."""
    windows = state.windows
    windows.published = old.published
    for name, widths in old.cells.items():
        for cells, by_number in zip(widths, (windows.forgotten, *windows.closed), strict=True):
            for number, cell in cells.items():
                by_number.setdefault(number, {})[name] = cell[:_DIRTY]
                if cells is widths[0]:
                    windows.open[number] = windows.open.get(number, False) or bool(cell[_DIRTY])
