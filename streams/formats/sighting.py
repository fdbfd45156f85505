"""What every adapter makes of a frame's parts: a sighting, one packet as a gateway reported it, or a rejection."""

import binascii
import re
from typing import Any

import msgspec

from schemas.address import normalise_mac
from schemas.advertisement import Values
from streams.formats.decoded import read_values
from streams.formats.reasons import InvalidFrame, Rejected

_USUAL_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}").fullmatch
_MAX_NAME = 64
MAX_SERVICE_DATA = 255  # an extended advertisement; a legacy one holds 31


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """One packet of one sensor before decoding: either `service_data`, or `values` that a script has decoded.

    `rssi` in dBm. `age_ms` is how long before the event it was heard. `partial`: some of its values are lost.
    """

    sensor: str
    rssi: int | None
    service_data: bytes | None = None
    values: Values | None = None
    age_ms: int = 0
    local_name: str | None = None
    model_id: int | None = None
    partial: bool = False


# In the order of the frame. A heartbeat or foreign radio traffic gives an empty list.
Sightings = list[Sighting | Rejected]


def of_values(
    format_name: str, address: object, data: dict[str, Any], strength: int | None, name: str | None = None
) -> Sighting:
    """The sighting of a packet that a script has decoded, its values among the fields of `data`.

    Raises InvalidFrame(bad_event or bad_address).
    """
    sensor = sensor_id(address)
    values, partial = read_values(data)
    if partial and not values:
        raise InvalidFrame("bad_event", f"{format_name}: no value is one")
    return Sighting(sensor, strength, values=values, local_name=name, partial=partial)


def sensor_id(address: object) -> str:
    """The sensor's id from an address in any writing. Raises InvalidFrame(bad_address)."""
    if isinstance(address, str):
        if _USUAL_MAC(address):
            return address
        try:
            return normalise_mac(address)
        except ValueError:
            pass
    raise InvalidFrame("bad_address", repr(address)[:60])


def service_data(text: object) -> bytes:
    """Bytes from hex digits. Raises InvalidFrame(bad_event)."""
    if isinstance(text, str):
        try:
            data = binascii.unhexlify(text)
        except ValueError:
            pass
        else:
            if len(data) <= MAX_SERVICE_DATA:
                return data
            raise InvalidFrame("bad_event", f"{len(data)} bytes are more than an advertisement holds")
    raise InvalidFrame("bad_event", f"not hex: {text!r:.60}")


def rssi(value: object) -> int | None:
    """dBm, or None for what cannot be a signal strength; a reading is worth more than its rssi."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -256 < value < 256:
        return round(value)
    return None


def local_name(value: object) -> str | None:
    """A device's name, bounded, or None."""
    return value[:_MAX_NAME] if isinstance(value, str) and value else None
