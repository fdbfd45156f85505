"""Events of `bthomedevice:2xx`: button presses, and in newer firmware a map of the device's values.

`{"component", "event": "single_push", "idx", "ts"}`, or `{"component", "event", "sensors": {object id: [slot]}, "ts"}`:
the id in decimal, a slot `{"id", "value", "last_updated_ts"}` for each instance. Slots may be null.
"""

import re
from typing import Any

import msgspec

from streams.formats.bthome import collect
from streams.formats.bthome_table import button_event
from streams.formats.envelope import Event
from streams.formats.native_status import updated_at
from streams.formats.native_value import native_value
from streams.formats.news import DeviceValues
from streams.formats.reasons import Rejected
from streams.times import to_milliseconds

# The gateway's words for a press -> BTHome's codes. Which button of several it was is not kept: our sensors have one.
_PUSHES = {"single_push": 1, "double_push": 2, "triple_push": 3, "long_push": 4}
_MAX_SLOTS = 256
MAX_VALUES_BYTES = 1024  # a gateway's state holds hundreds of these and must fit into a record
_pack = msgspec.msgpack.Encoder().encode
_device = re.compile(r"bthomedevice:[0-9]{1,5}", re.ASCII).fullmatch
_object_id = re.compile(r"[0-9]{1,3}", re.ASCII).fullmatch


def is_device_event(event: Event) -> bool:
    """Whether it comes from a native device."""
    component = event.element.get("component")
    return isinstance(component, str) and _device(component) is not None


def read_device_event(event: Event) -> tuple[DeviceValues | None, list[Rejected]]:
    """What an event of a native device says, and the slots that say nothing readable; None if nothing that we keep.

    Its time is that of its newest slot, else the event's own.
    """
    component = event.element["component"]
    code = _PUSHES.get(event.name)
    if code is not None:
        return DeviceValues(component, {"button": button_event(code)}, to_milliseconds(event.ts)), []
    objects: list[tuple[int, Any]] = []
    times: list[int] = []
    rejected: list[Rejected] = []
    for obj_id, slot in _slots(event.element.get("sensors")):
        read = native_value(obj_id, slot.get("value")) if isinstance(slot, dict) else None
        if read is None:
            rejected.append(Rejected("bad_event", f"{component}: object {obj_id}: {slot!r:.60}"))
            continue
        objects.append((obj_id, read[1]))
        time = updated_at(slot)
        times += [] if time is None else [time]
    if not objects:
        return None, rejected
    values = collect(objects)
    if len(_pack(values)) > MAX_VALUES_BYTES:
        return None, [*rejected, Rejected("bad_event", f"{component}: values of more than {MAX_VALUES_BYTES} bytes")]
    return DeviceValues(component, values, max(times, default=to_milliseconds(event.ts))), rejected


def _slots(sensors: object) -> list[tuple[int, Any]]:
    """Every slot that is there and has a value, with its object id."""
    if not isinstance(sensors, dict):
        return []
    slots = [
        (int(key), slot)
        for key, instances in sensors.items()
        if _object_id(key) and isinstance(instances, list)
        for slot in instances
        if slot is not None and not (isinstance(slot, dict) and slot.get("value") is None)
    ]
    return slots[:_MAX_SLOTS]
