"""Event `ble.scan_result` of Home Assistant's scanner script (aioshelly): whole adverts in base64, of every device.

Version 2: `[2, [[address, rssi, advert, scan response], ...]]`. Version 1: `[1, address, rssi, advert, scan response]`.
"""

import binascii

from streams.formats.advertising import carries_bthome, read_advertising
from streams.formats.reasons import InvalidFrame, Rejected
from streams.formats.sighting import Sighting, Sightings, local_name, rssi, sensor_id

FORMAT = "ble.scan_result"


def read(data: object) -> Sightings:
    """The sightings of one event's data; devices without BTHome are skipped. Raises InvalidFrame(bad_event)."""
    match data:
        case [2, list(entries)]:
            found = (_sighting(entry) for entry in entries)
        case [1, *entry]:
            found = (_sighting(entry) for entry in [entry])
        case _:
            raise InvalidFrame("bad_event", f"{FORMAT}: neither version 1 nor 2")
    return [sighting for sighting in found if sighting is not None]


def _sighting(entry: object) -> Sighting | Rejected | None:
    try:
        if not isinstance(entry, list) or len(entry) < 3:
            raise InvalidFrame("bad_event", f"{FORMAT}: not [address, rssi, advert, scan response]")
        advert = _bytes(entry[2])
        scan_response = _bytes(entry[3]) if len(entry) > 3 and entry[3] is not None else b""
        if not carries_bthome(advert, scan_response):
            return None
        seen = read_advertising(advert, scan_response)
        if seen.service_data is None:
            return None
        return Sighting(
            sensor_id(entry[0]),
            rssi(entry[1]),
            seen.service_data,
            local_name=local_name(seen.local_name),
            model_id=seen.model_id,
        )
    except InvalidFrame as invalid:
        return Rejected(invalid.reason, invalid.detail)


def _bytes(text: object) -> bytes:
    if isinstance(text, str):
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            pass
    raise InvalidFrame("bad_event", f"{FORMAT}: not base64: {text!r:.60}")
