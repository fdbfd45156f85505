"""Which kind of message a topic carries.

A gateway's topics are its prefix and a suffix; some scripts have topics of their own.
"""

from schemas.address import normalise_mac

EVENTS = "/events/rpc"  # of gateways; looked for before anything here
EVENTS_BLE, BLE, ONLINE, STATUS = "/events/ble", "/ble", "/online", "/status/"
ANSWER = "/rpc"
QUIET = "quiet"  # a topic that gateways or scripts have, with nothing in it for us
UNIVERSAL_BLU, BLEGATEWAY, SHELLY_BLU_EVENTS = "<mac>", "blegateway/<mac>/sensor", "shelly-blu/events/<mac>"
RESET_COUNTER = "bluflow/reset-counter/<mac>"

_BLEGATEWAY, _SHELLY_BLU_EVENTS, _RESET_COUNTER = "blegateway/", "shelly-blu/events/", "bluflow/reset-counter/"
# What may follow a gateway's prefix, longest first.
_SUFFIXES = (
    (EVENTS_BLE, EVENTS_BLE),
    (ONLINE, ONLINE),
    ("/rpc", ANSWER),
    (BLE, BLE),
    ("/command", QUIET),
    ("/debug/log", QUIET),
)


def kind_of(topic: str) -> tuple[str, str] | None:
    """The kind of message, and what the topic itself says: a component, or an address. None for a topic not known."""
    if topic == EVENTS:
        return None
    for suffix, kind in _SUFFIXES:
        if topic.endswith(suffix):
            return (kind, "") if len(topic) > len(suffix) else None
    status = topic.rfind(STATUS)
    if status > 0:
        return STATUS, topic[status + len(STATUS) :]
    if topic.startswith(_BLEGATEWAY):
        return _blegateway(topic)
    if topic.startswith(_SHELLY_BLU_EVENTS):
        return SHELLY_BLU_EVENTS, topic.removeprefix(_SHELLY_BLU_EVENTS)
    if topic.startswith(_RESET_COUNTER):
        return RESET_COUNTER, topic.removeprefix(_RESET_COUNTER)
    return (UNIVERSAL_BLU, topic) if _is_mac(topic) else None


def _blegateway(topic: str) -> tuple[str, str] | None:
    match topic.split("/"):
        case [_, address, "sensor"]:
            return BLEGATEWAY, address
        case [_, _, "telemetry" | "status"]:
            return QUIET, ""
    return None


def _is_mac(text: str) -> bool:
    try:
        normalise_mac(text)
    except ValueError:
        return False
    return True
