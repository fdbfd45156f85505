"""Event `shelly-blu` of Shelly's own example script (ble-shelly-blu.shelly.js): values decoded on the gateway.

`{"encryption": false, "BTHome_version": 2, "pid", values by name, "rssi", "address", "model"?}`
"""

from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import Sightings, local_name, of_values, rssi

FORMAT = "shelly-blu"


def read(data: object) -> Sightings:
    """The one sighting of an event's data. Raises InvalidFrame(bad_event or bad_address)."""
    if not isinstance(data, dict):
        raise InvalidFrame("bad_event", f"{FORMAT}: data is no object")
    name = local_name(data.get("model"))
    return [of_values(FORMAT, data.get("address"), data, rssi(data.get("rssi")), name)]
