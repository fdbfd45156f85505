"""Native components joined to packets: what a gateway's firmware decoded comes in parts, one a component.

Parts belong together by sensor and `last_updated_ts`, which has a resolution of one second. A packet goes on as soon as
every component of its sensor has spoken for that second, when a part of a newer one comes, or after a short wait by the
stream's clock. A component that did not speak for that second says nothing in its packet: unchanged is not known.
"""

from typing import NamedTuple

import msgspec

from schemas.advertisement import Values
from streams.formats.bthome_table import OBJECT_TYPES
from streams.formats.native_event import MAX_VALUES_BYTES
from streams.formats.native_value import native_value
from streams.formats.news import Component, DeviceStatus, DeviceValues, SensorStatus
from streams.gateways.state import Native, Part

NATIVE_WAIT_MS = 2_000
# a part that is older than what its component said is a straggler; by more than this, the clock was set back
_CLOCK_SET_MS = 10 * 60 * 1000
MAX_PARTS = 400  # 100 devices, as many events of theirs, 100 sensors, and some that are gone
_pack = msgspec.msgpack.Encoder().encode
_EVENT = "#event"  # beside a device's status: what its events said
_EVENT_TYPES = frozenset({"button", "command", "dimmer"})  # spoken only when something happens


class Arrival(NamedTuple):
    """How the frame came that carries a part. Times in unix milliseconds; `told` is the frame's own, if it has one."""

    received_at: int
    queued: bool = False
    retain: bool = False
    archived: bool = False
    told: int | None = None


class Packet(NamedTuple):
    """The parts of one packet, as far as they came. Times in unix milliseconds, rssi in dBm."""

    sensor: str
    updated_at: int
    values: Values
    rssi: int | None
    model_id: int | None
    arrival: Arrival


def hear(native: Native, said: SensorStatus | DeviceStatus | DeviceValues, arrival: Arrival) -> list[Packet]:
    """Take one part; gives older packets of its sensor, which now can wait no longer."""
    if isinstance(said, DeviceValues):
        return _hear_values(native, said, arrival)
    held = native.parts.get(said.component)
    updated_at = said.updated_at if said.updated_at is not None or held is None else held.updated_at
    if updated_at is None or (isinstance(said, DeviceStatus) and said.errors):
        return []  # nothing was heard since it started, or the packet could not be read
    if isinstance(said, SensorStatus):
        value = held.value if held is not None else None
        if said.value is not msgspec.UNSET:
            value = said.value
        part = _part(updated_at, arrival, value is not None)
        part.value = value
    else:
        part = _device_part(said, held, updated_at, arrival)
    return _keep(native, said.component, said.component, part)


def complete(native: Native, sensor: str) -> bool:
    """Whether every component of a sensor has spoken for the newest packet that waits."""
    mine = [each for each in native.components.values() if each.sensor == sensor]
    pending = [part.updated_at for _, part in _pending(native, mine)]
    newest = max(pending, default=0)
    return bool(pending) and all(
        (part := native.parts.get(each.component)) is not None and part.updated_at == newest
        for each in mine
        if property_of(each) not in _EVENT_TYPES
    )


def due(native: Native, now: int) -> list[Packet]:
    """Packets that have waited long enough at `now` (unix milliseconds)."""
    late = [sensor for sensor, since in native.waiting.items() if not 0 <= now - since < NATIVE_WAIT_MS]
    return [packet for sensor in late for packet in flush(native, sensor)]


def flush(native: Native, sensor: str, before: int | None = None) -> list[Packet]:
    """The packets of a sensor that wait, oldest first; only those from before that time (unix milliseconds), if given.

    Its parts are then no longer pending.
    """
    mine = sorted((each for each in native.components.values() if each.sensor == sensor), key=_order)
    groups: dict[int, list[tuple[Component, Part]]] = {}
    for each, part in _pending(native, mine):
        groups.setdefault(part.updated_at, []).append((each, part))
    times = sorted(time for time in groups if before is None or time < before)
    if len(times) == len(groups):
        native.waiting.pop(sensor, None)
    return [packet for time in times if (packet := _packet(native, sensor, mine, time, groups[time]))]


def property_of(component: Component) -> str | None:
    """The property that a sensor component holds; None for a device, or an object id that the table lacks."""
    found = OBJECT_TYPES.get(component.obj_id) if component.obj_id is not None else None
    return found.name if found else None


def _hear_values(native: Native, said: DeviceValues, arrival: Arrival) -> list[Packet]:
    """A device's event: what its sensor components hold goes to them, so that their own word is known as a copy."""
    updated_at = said.updated_at if said.updated_at is not None else arrival.told
    if updated_at is None:
        return []
    packets, rest = list[Packet](), dict(said.values)
    device = native.components.get(said.component)
    for each in native.components.values():
        name = property_of(each)
        if device and name in rest and each.sensor == device.sensor and isinstance(rest[name], (int, float, str)):
            packets += hear(native, SensorStatus(each.component, rest.pop(name), updated_at), arrival)
    if rest:
        key = said.component + _EVENT
        part, held = _part(updated_at, arrival, True), native.parts.get(key)
        part.values = rest
        if held and held.updated_at == updated_at:
            both = {**held.values, **rest}
            part.values = both if len(_pack(both)) <= MAX_VALUES_BYTES else rest
        packets += _keep(native, key, said.component, part)
    return packets


def _device_part(said: DeviceStatus, held: Part | None, updated_at: int, arrival: Arrival) -> Part:
    """A device's status over what it said before; its packet id holds for its own packet only."""
    part = _part(updated_at, arrival, said.battery is not None or said.packet_id is not None)
    part.rssi = said.rssi if said.rssi is not None or held is None else held.rssi
    if held is not None:
        same = held.updated_at == updated_at
        part.values = {name: value for name, value in held.values.items() if same or name == "battery"}
        part.pending = part.pending or (same and held.pending)
    if said.battery is not None:
        part.values = {**part.values, "battery": said.battery}
    if said.packet_id is not None:
        part.values = {**part.values, "packet_id": said.packet_id}
    return part


def _part(updated_at: int, arrival: Arrival, pending: bool) -> Part:
    return Part(updated_at, arrival.received_at, arrival.queued, arrival.retain, arrival.archived, pending)


def _keep(native: Native, key: str, component: str, part: Part) -> list[Packet]:
    held = native.parts.get(key)
    if held is None and len(native.parts) >= MAX_PARTS:
        return []
    if held is not None:
        if part.updated_at < held.updated_at and (part.retain or held.updated_at - part.updated_at < _CLOCK_SET_MS):
            return []
        same = part.updated_at == held.updated_at and (part.value, part.values) == (held.value, held.values)
        if same:  # a notification and its status topic say the same
            held.rssi = part.rssi
            return []
    known = native.components.get(component)
    packets: list[Packet] = []
    if known is not None:
        packets = flush(native, known.sensor, before=part.updated_at)
        if part.pending:
            native.waiting.setdefault(known.sensor, part.received_at)
    native.parts[key] = part
    return packets


def _pending(native: Native, components: list[Component]) -> list[tuple[Component, Part]]:
    found = []
    for each in components:
        keys = (each.component,) if each.obj_id is not None else (each.component, each.component + _EVENT)
        found += [(each, part) for key in keys if (part := native.parts.get(key)) and part.pending]
    return found


def _packet(
    native: Native, sensor: str, mine: list[Component], updated_at: int, parts: list[tuple[Component, Part]]
) -> Packet | None:
    """One packet of the parts for one second; None if they hold no value."""
    values: Values = {}
    names = [property_of(each) for each in mine]
    for each, part in parts:
        part.pending = False
        if each.obj_id is None:
            values |= part.values
        elif read := native_value(each.obj_id, part.value):
            name, value = read
            if names.count(name) > 1:  # what a packet repeats is a list
                value = [*values.get(name, []), value]
            values[name] = value
    devices = [native.parts[each.component] for each in mine if each.obj_id is None and each.component in native.parts]
    rssi = next((device.rssi for device in devices if device.updated_at == updated_at), None)
    model_id = next((each.model_id for each in mine if each.obj_id is None), None)
    arrival = Arrival(
        max(part.received_at for _, part in parts),
        any(part.queued for _, part in parts),
        all(part.retain for _, part in parts),
        any(part.archived for _, part in parts),
    )
    return Packet(sensor, updated_at, values, rssi, model_id, arrival) if values else None


def _order(component: Component) -> tuple[int, int, int]:
    return (component.obj_id if component.obj_id is not None else -1, component.index, len(component.component))
