"""Messages on `shelly-blu/events/<MAC>`: the data of the event `shelly-blu` without its envelope, so without a time."""

from typing import Any

from streams.formats.sighting import Sightings, local_name, of_values, rssi

FORMAT = "shelly-blu/events"


def read(document: dict[str, Any], address: str) -> Sightings:
    """The one sighting of a message on the topic of `address`. Raises InvalidFrame(bad_event or bad_address)."""
    name = local_name(document.get("model"))
    return [of_values(FORMAT, document.get("address", address), document, rssi(document.get("rssi")), name)]
