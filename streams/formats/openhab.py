"""Event `oh-blu.data` of openHAB's scanner script, which has two shapes.

Old: decoded as `shelly-blu`, names capitalised, `addr` for the address, some single values in a list of one.
New (`"ver": 2`): `raw` is the hex of the objects without the device-info byte; encrypted packets never get this far.
"""

from typing import Any

from streams.formats.decoded import read_values
from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import Sighting, Sightings, local_name, rssi, sensor_id, service_data

FORMAT = "oh-blu.data"
# Version 2, not encrypted, sent on change: what a BLU sensor's own first byte is.
_STRIPPED_DEVICE_INFO = b"\x44"


def read(data: object) -> Sightings:
    """The one sighting of an event's data. Raises InvalidFrame(bad_event or bad_address)."""
    if not isinstance(data, dict):
        raise InvalidFrame("bad_event", f"{FORMAT}: data is no object")
    match data.get("ver"):
        case 2:
            return [_raw(data)]
        case None | 1:
            return [_decoded(data)]
        case version:
            raise InvalidFrame("bad_event", f"{FORMAT}: version {version!r:.60}")


def _raw(data: dict[str, Any]) -> Sighting:
    raw = data.get("raw")
    digits = raw.replace(" ", "") if isinstance(raw, str) else raw  # some releases put blanks between the bytes
    objects = service_data(digits)
    return Sighting(sensor_id(data.get("addr")), rssi(data.get("rssi")), _STRIPPED_DEVICE_INFO + objects)


def _decoded(data: dict[str, Any]) -> Sighting:
    sensor = sensor_id(data.get("addr"))
    values, partial = read_values(data)
    if partial and not values:
        raise InvalidFrame("bad_event", f"{FORMAT}: no value is one")
    single = {name: v[0] if isinstance(v, list) and len(v) == 1 else v for name, v in values.items()}
    name = local_name(data.get("name"))
    return Sighting(sensor, rssi(data.get("rssi")), values=single, local_name=name, partial=partial)
