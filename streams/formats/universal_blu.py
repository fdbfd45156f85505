"""Messages of Shelly's example script universal-blu-to-mqtt: values decoded on the gateway, the topic is the bare MAC.

`{"addr", "rssi", "local_name", "service_data": {"encryption", "BTHome_version", "pid", values by name}}`. It has no
time of its own, and nothing says which gateway sent it.
"""

from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import Sightings, local_name, of_values, rssi

FORMAT = "universal-blu"


def read(document: dict[str, object], address: str) -> Sightings:
    """The one sighting of a message on the topic `address`. Raises InvalidFrame(bad_event or bad_address)."""
    data = document.get("service_data")
    if not isinstance(data, dict):
        raise InvalidFrame("bad_event", f"{FORMAT}: no service_data")
    name = local_name(document.get("local_name"))
    return [of_values(FORMAT, document.get("addr", address), data, rssi(document.get("rssi")), name)]
