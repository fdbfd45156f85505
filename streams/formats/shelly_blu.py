"""Event `shelly-blu` of Shelly's own example script (ble-shelly-blu.shelly.js): values decoded on the gateway.

`{"encryption": false, "BTHome_version": 2, "pid", values by name, "rssi", "address", "model"?}`
"""

from streams.formats.decoded import read_values
from streams.formats.reasons import InvalidFrame
from streams.formats.sighting import Sighting, Sightings, local_name, rssi, sensor_id

FORMAT = "shelly-blu"


def read(data: object) -> Sightings:
    """The one sighting of an event's data. Raises InvalidFrame(bad_event or bad_address)."""
    if not isinstance(data, dict):
        raise InvalidFrame("bad_event", f"{FORMAT}: data is no object")
    sensor = sensor_id(data.get("address"))
    values, partial = read_values(data)
    if partial and not values:
        raise InvalidFrame("bad_event", f"{FORMAT}: no value is one")
    name = local_name(data.get("model"))
    return [Sighting(sensor, rssi(data.get("rssi")), values=values, local_name=name, partial=partial)]
