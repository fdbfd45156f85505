"""Messages of ioBroker's script on its own topic `<prefix>/events/ble`: raw service data, no time of its own.

`{"scriptVersion", "src": topic prefix, "srcBle": {"mac", "rssi"}, "payload": service data in hex}`
"""

from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import Sighting, Sightings, rssi, sensor_id, service_data

FORMAT = "iobroker"


def read(document: dict[str, object]) -> Sightings:
    """The one sighting of a message. Raises InvalidFrame(bad_event or bad_address)."""
    source = document.get("srcBle")
    if not isinstance(source, dict):
        raise InvalidFrame("bad_event", f"{FORMAT}: no srcBle")
    return [Sighting(sensor_id(source.get("mac")), rssi(source.get("rssi")), service_data(document.get("payload")))]
