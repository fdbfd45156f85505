"""One sensor as Home Assistant hears of it: the device with its entities, and their values. Pure.

Device discovery: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload. An entity:
https://www.home-assistant.io/integrations/sensor.mqtt/#configuration-variables.
"""

from math import ceil
from typing import Any

import msgspec

from api.homeassistant.quantities import QUANTITIES
from api.units import UNITS
from api.views.sensor import number
from schemas.freshness import FACTORS
from schemas.home_assistant import STATE, availability_topic, device_id, state_topic
from schemas.reading import Latest
from schemas.registry import UNASSIGNED, Entry

ONLINE, OFFLINE = b"online", b"offline"
_STALE = dict(FACTORS)["stale"]

_encode = msgspec.json.Encoder().encode


def quantities_of(latest: Latest) -> tuple[str, ...]:
    """The properties that become entities, sorted."""
    return tuple(sorted(latest.values.keys() & QUANTITIES.keys()))


def configuration(entry: Entry, location: str, quantities: tuple[str, ...], version: str) -> bytes:
    """The retained message that makes the device. `version` is bluflow's.

    An entity is available while the publisher is there and the sensor's freshness lets its values be believed. Should
    both go unsaid, a value expires when the sensor would be stale.
    """
    sensor = entry.sensor
    name = device_id(sensor)
    device = {"identifiers": [f"bluflow_{name}"], "name": entry.name or sensor, "serial_number": sensor}
    if location != UNASSIGNED:
        device["suggested_area"] = location
    shared = {
        "platform": "sensor",
        "state_topic": state_topic(sensor),
        "expire_after": ceil(_STALE * entry.interval_ms / 1000),
    }
    components = {
        quantity: {**shared, "unique_id": f"bluflow_{name}_{quantity}", **_entity(quantity)} for quantity in quantities
    }
    components["rssi"] = {**shared, "unique_id": f"bluflow_{name}_rssi", **_RSSI}
    return _encode(
        {
            "device": device,
            "origin": {"name": "bluflow", "sw_version": version},
            "availability": [{"topic": STATE}, {"topic": availability_topic(sensor)}],
            "availability_mode": "all",
            "qos": 1,
            "components": components,
        }
    )


def state(latest: Latest, quantities: tuple[str, ...], interval_ms: int) -> bytes:
    """The newest values. One that the sensor has not sent for as long as makes it stale is null: unknown."""
    since = (latest.measured_at or 0) - _STALE * interval_ms
    values = {name: latest.values[name] for name in quantities}
    said = {name: number(one.value) if one.measured_at > since else None for name, one in values.items()}
    return _encode(said | {"rssi": latest.rssi})


def _entity(quantity: str) -> dict[str, Any]:
    kind = QUANTITIES[quantity]
    found: dict[str, Any] = {
        "name": quantity.replace("_", " ").capitalize(),
        "value_template": _template(quantity),
        "unit_of_measurement": UNITS[quantity],
        "state_class": kind.state_class,
    }
    if kind.device_class:
        found["device_class"] = kind.device_class
    if kind.diagnostic:
        found["entity_category"] = "diagnostic"
    return found


def _template(member: str) -> str:
    return f"{{{{ value_json.{member} }}}}"


_RSSI: dict[str, Any] = {
    "name": "Signal strength",
    "value_template": _template("rssi"),
    "unit_of_measurement": "dBm",
    "state_class": "measurement",
    "device_class": "signal_strength",
    "entity_category": "diagnostic",
}
