"""A gateway's answer to Shelly.GetComponents, one page: which native id means which property of which sensor.

`{"id", "src", "dst", "result": {"components": [{"key", "config", "attrs", ...}], "cfg_rev", "offset", "total"}}`
"""

import re
from typing import Any

from streams.formats.news import Component, Inventory
from streams.formats.reasons import InvalidFrame, Rejected
from streams.formats.sighting import sensor_id

MAX_COMPONENTS = 300
_MAX_COUNT, _MAX_REVISION = 10_000, 2**53
_native = re.compile(r"(bthomedevice|bthomesensor):[0-9]{1,5}", re.ASCII).fullmatch


def read(result: dict[str, Any]) -> tuple[Inventory, list[Rejected]]:
    """The page, and the components of ours that cannot be read. Raises InvalidFrame(bad_event)."""
    listed = result["components"]
    if len(listed) > MAX_COMPONENTS:
        raise InvalidFrame("bad_event", f"{len(listed)} components in a page")
    components: list[Component] = []
    rejected: list[Rejected] = []
    for each in listed:
        try:
            component = _component(each)
        except InvalidFrame as invalid:
            rejected.append(Rejected(invalid.reason, invalid.detail))
        else:
            components += [] if component is None else [component]
    offset = _small(result.get("offset"), _MAX_COUNT) or 0
    total = _small(result.get("total"), _MAX_COUNT)
    page = Inventory(
        tuple(components),
        offset,
        len(listed),
        offset + len(listed) if total is None else total,
        _small(result.get("cfg_rev"), _MAX_REVISION),
    )
    return page, rejected


def _component(each: object) -> Component | None:
    """None for a component that is no BTHome one. Raises InvalidFrame(bad_event or bad_address)."""
    key = each.get("key") if isinstance(each, dict) else None
    if not isinstance(each, dict) or not isinstance(key, str):
        raise InvalidFrame("bad_event", f"a component without a key: {each!r:.60}")
    found = _native(key)
    if found is None:
        return None
    config = each.get("config")
    if not isinstance(config, dict):
        raise InvalidFrame("bad_event", f"{key}: no config")
    sensor = sensor_id(config.get("addr"))
    if found[1] == "bthomedevice":
        attrs = each.get("attrs")
        return Component(
            key, sensor, None, 0, _small(attrs.get("model_id") if isinstance(attrs, dict) else None, 65535)
        )
    obj_id = _small(config.get("obj_id"), 255)
    if obj_id is None:
        raise InvalidFrame("bad_event", f"{key}: no obj_id")
    return Component(key, sensor, obj_id, _small(config.get("idx"), 255) or 0)


def _small(value: object, most: int) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None
