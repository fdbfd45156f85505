"""Messages of Shelly's example script ble-pasv-mqtt-gw on `blegateway/<MAC without colons>/sensor`.

`{"pid", values by name, "rssi", "src": gateway}`: decoded on the gateway, no time of its own, the MAC in the topic.
"""

from typing import Any

from streams.formats.sighting import Sightings, of_values, rssi

FORMAT = "blegateway"


def read(document: dict[str, Any], address: str) -> Sightings:
    """The one sighting of a message about `address`. Raises InvalidFrame(bad_event or bad_address)."""
    return [of_values(FORMAT, address, document, rssi(document.get("rssi")))]
