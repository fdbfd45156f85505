"""Values that a gateway's script has decoded itself -> values as our own decoder names and rounds them.

JavaScript's `224 * 0.1` is 22.400000000000002: numbers are rounded to the finest resolution of their property.
Names outside the BTHome table are not values (rssi, address, ...), so a sender cannot invent quantities.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from schemas.advertisement import Values
from streams.formats.bthome_table import DECIMALS, button_event, dimmer_event

# What the scripts in use call a property, where snake_case alone does not give our name.
_OTHER_NAMES = {
    "pid": "packet_id",
    "atm_pressure": "pressure",
    "capacitor_voltage": "voltage",
    "dew_point": "dewpoint",
    "raining": "moisture_binary",
    "wind_speed": "speed",
    "wind_direction": "direction",
    "moisture8": "moisture",
    "moisture16": "moisture",
    "device_id": "device_type_id",
}
_TEXTS = frozenset({"text", "raw", "firmware_version"})
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_MAX_ITEMS = 32
_LONGEST_NAME = 40
_LONGEST_TEXT = 255  # one length byte in a BTHome object
MAX_NUMBER = 2**53  # what JavaScript counts exactly, and every store can hold


class NotAValue(Exception):
    """Something stands where a property's value should be."""


def read_values(data: dict[str, Any]) -> tuple[Values, bool]:
    """The values among a script's fields, and whether one had to be left out because it was no value at all.

    A list is a property that the packet repeats; null is a value that is not there.
    """
    values: Values = {}
    partial = False
    for field, given in data.items():
        if len(field) > _LONGEST_NAME:
            continue
        name = property_name(field)
        if name not in DECIMALS or given is None:
            continue
        try:
            if isinstance(given, list):
                if not 0 < len(given) <= _MAX_ITEMS:
                    raise NotAValue
                values[name] = [read_value(name, item, data) for item in given]
            else:
                values[name] = read_value(name, given, data)
        except NotAValue:
            partial = True
    return values, partial


@lru_cache(maxsize=512)
def property_name(field: str) -> str:
    """`Battery` -> battery, `UVIndex` -> uv_index, `pid` -> packet_id."""
    if field in DECIMALS:
        return field
    name = _WORD_STARTS.sub("_", field).lower()
    return _OTHER_NAMES.get(name, name)


def read_value(name: str, given: object, data: Mapping[str, Any] = MappingProxyType({})) -> object:
    """One value of a property; `data` holds the fields beside it. Raises NotAValue."""
    if name in _TEXTS:
        if isinstance(given, str) and len(given) <= _LONGEST_TEXT:
            return given
        raise NotAValue
    if name == "dimmer":
        return _dimmer(given, data)
    if name == "command" or not isinstance(given, (int, float)) or abs(given) > MAX_NUMBER:
        raise NotAValue
    if name in ("button", "packet_id"):
        if isinstance(given, bool) or not 0 <= given <= 255 or given != int(given):
            raise NotAValue
        return button_event(int(given)) if name == "button" else int(given)
    # adding zero makes -0.0 a plain zero, so that equal values are equal bytes
    return given if isinstance(given, int) else round(given, DECIMALS[name]) + 0.0


def _dimmer(given: object, data: Mapping[str, Any]) -> object:
    """openHAB's `{"direction": 1, "steps": 3}`, or Shelly's number with a field `dimmersteps` beside it."""
    match given:
        case {"direction": code, "steps": steps}:
            pass
        case _:
            code, steps = given, data.get("dimmersteps")
    if type(code) is not int or type(steps) is not int or not (0 <= code <= 255 and 0 <= steps <= 255):
        raise NotAValue
    return dimmer_event(code, steps)
