"""Messages of m-schaeffler's two scripts on `<prefix>/ble`.

Raw: `{"addr", "rssi", "time": unix MILLIseconds, "gateway", "data": [bytes in decimal, device-info byte first]}`.
Decoded: `{"addr", "rssi", "pid", values by name}`. Their `gateway` is a name for people that many may share, so the
topic's prefix says who sent it.
"""

from typing import Any

from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import MAX_SERVICE_DATA, Sighting, Sightings, of_values, rssi, sensor_id

FORMAT = "m-schaeffler"
_LATEST_MS = 1e14


def read(document: dict[str, Any]) -> Sightings:
    """The one sighting of a message. Raises InvalidFrame(bad_event or bad_address)."""
    strength = rssi(document.get("rssi"))
    if "data" not in document:
        return [of_values(FORMAT, document.get("addr"), document, strength)]
    return [Sighting(sensor_id(document.get("addr")), strength, _bytes(document["data"]))]


def seconds(document: dict[str, Any]) -> object:
    """The message's time in unix seconds, as envelopes have it; as it stands if it is no number."""
    time = document.get("time")
    if isinstance(time, (int, float)) and not isinstance(time, bool) and 0 < time < _LATEST_MS:
        return time / 1000
    return time


def _bytes(data: object) -> bytes:
    if isinstance(data, list) and len(data) <= MAX_SERVICE_DATA and all(type(byte) is int for byte in data):
        try:
            return bytes(data)
        except ValueError:
            pass
    raise InvalidFrame("bad_event", f"{FORMAT}: no list of bytes: {data!r:.60}")
