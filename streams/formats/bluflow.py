"""Our own script's event `bluflow`: raw service data, several packets in one event.

`data = {"v": 1, "seq": n, "d": [[mac, rssi in dBm, age in ms, service data in hex], ...]}`; a heartbeat has `hb` and
no `d`. The age counts back from the event's own `ts`.
"""

from streams.formats.decoded import MAX_NUMBER
from streams.formats.news import Beat
from streams.formats.reasons import InvalidFrame, Rejected
from streams.formats.sighting import Sighting, Sightings, rssi, sensor_id, service_data

FORMAT = "bluflow"
_VERSION = 1
_MAX_AGE_MS = 24 * 3600 * 1000


def read(data: object) -> Sightings:
    """The sightings of one event's data. Raises InvalidFrame(bad_event)."""
    if not isinstance(data, dict) or data.get("v") != _VERSION:
        raise InvalidFrame("bad_event", f"{FORMAT}: not version {_VERSION}")
    if "hb" in data and "d" not in data:
        return []
    entries = data.get("d")
    if not isinstance(entries, list):
        raise InvalidFrame("bad_event", f"{FORMAT}: no list d")
    return [_sighting(entry) for entry in entries]


def heartbeat(data: object) -> Beat | None:
    """The heartbeat in an event's data, if it is one."""
    beat = data.get("hb") if isinstance(data, dict) and data.get("v") == _VERSION else None
    if not isinstance(beat, dict):
        return None
    return Beat(*(_count(beat.get(name)) for name in ("up", "heard", "sent", "dropped", "mem")))


def _count(value: object) -> int | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
        return int(value)
    return None


def _sighting(entry: object) -> Sighting | Rejected:
    try:
        if not isinstance(entry, list) or len(entry) < 4:
            raise InvalidFrame("bad_event", f"{FORMAT}: not [mac, rssi, age, hex]")
        mac, strength, age, text = entry[:4]
        if isinstance(age, bool) or not isinstance(age, (int, float)) or not 0 <= age <= _MAX_AGE_MS:
            raise InvalidFrame("bad_event", f"{FORMAT}: age {age!r:.60}")
        return Sighting(sensor_id(mac), rssi(strength), service_data(text), age_ms=round(age))
    except InvalidFrame as invalid:
        return Rejected(invalid.reason, invalid.detail)
