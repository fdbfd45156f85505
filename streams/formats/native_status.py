"""Status of native components: `bthomesensor:2xx`, `bthomedevice:2xx`, `script:N`, `sys`.

In NotifyStatus (what changed), in NotifyFullStatus and on `<prefix>/status/<component>` (all there is). A null says
nothing.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from streams.formats.decoded import MAX_NUMBER
from streams.formats.news import DeviceStatus, News, ScriptStatus, SensorStatus, Uptime
from streams.formats.reasons import InvalidFrame, Rejected
from streams.formats.sighting import rssi
from streams.times import to_milliseconds

MAX_COMPONENTS = 300  # a gateway has at most 100 devices, 100 sensors, 10 scripts
_LONGEST_VALUE = 255
_MAX_ERRORS, _LONGEST_ERROR = 8, 64
_component = re.compile(r"((?:bthomesensor|bthomedevice|script)(?=:[0-9]{1,5}\Z)|sys(?=\Z))", re.ASCII).match


def read_statuses(params: dict[str, Any], *, whole: bool) -> tuple[list[News], list[Rejected]]:
    """The news in a notification's params, component by component; what cannot be read never loses its neighbours."""
    news: list[News] = []
    rejected: list[Rejected] = []
    for component, body in params.items():
        if len(news) >= MAX_COMPONENTS:
            rejected.append(Rejected("bad_event", f"more than {MAX_COMPONENTS} components"))
            break
        try:
            said = read_status(component, body, whole=whole)
        except InvalidFrame as invalid:
            rejected.append(Rejected(invalid.reason, invalid.detail))
        else:
            news += [] if said is None else [said]
    return news, rejected


def read_status(component: str, body: object, *, whole: bool) -> News | None:
    """What one component's status says; None if nothing that we keep. Raises InvalidFrame(bad_event).

    `whole`: it is all the component has to say, so that what is missing is gone, not unchanged.
    """
    found = _component(component)
    if found is None or body is None:
        return None
    if not isinstance(body, dict):
        raise InvalidFrame("bad_event", f"{component}: no object")
    return _READERS[found[0]](component, body, whole)


def updated_at(body: dict[str, Any]) -> int | None:
    """When a component last heard its sensor, unix milliseconds; the documents know two spellings."""
    return to_milliseconds(body.get("last_updated_ts", body.get("last_update_ts")))


def _sensor(component: str, body: dict[str, Any], whole: bool) -> News | None:
    time = updated_at(body)
    if "value" not in body:
        return SensorStatus(component, updated_at=time) if time is not None else None
    value = body["value"]
    if value is None:
        return None
    text = isinstance(value, str) and len(value) <= _LONGEST_VALUE
    if not text and not (isinstance(value, (int, float)) and abs(value) <= MAX_NUMBER):
        raise InvalidFrame("bad_event", f"{component}: value {value!r:.60}")
    return SensorStatus(component, value, time)


def _device(component: str, body: dict[str, Any], whole: bool) -> News | None:
    status = DeviceStatus(
        component,
        updated_at(body),
        rssi(body.get("rssi")),
        _byte(body.get("battery")),
        _byte(body.get("packet_id")),
        _errors(body, whole),
    )
    return status if any(field is not None for field in msgspec.structs.astuple(status)[1:]) else None


def _script(component: str, body: dict[str, Any], whole: bool) -> News | None:
    running = body.get("running")
    if not isinstance(running, bool):
        return None
    return ScriptStatus(component, running, _errors(body, whole) or ())


def _sys(component: str, body: dict[str, Any], whole: bool) -> News | None:
    uptime = body.get("uptime")
    return Uptime(uptime) if type(uptime) is int and 0 <= uptime <= MAX_NUMBER else None


_READERS: dict[str, Callable[[str, dict[str, Any], bool], News | None]] = {
    "bthomesensor": _sensor,
    "bthomedevice": _device,
    "script": _script,
    "sys": _sys,
}


def _byte(value: object) -> int | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 255 and value == int(value):
        return int(value)
    return None


def _errors(body: dict[str, Any], whole: bool) -> tuple[str, ...] | None:
    """A gateway shows the key only while there are errors; null says that it went away."""
    if "errors" not in body:
        return () if whole else None
    errors = body["errors"]
    if errors is None:
        return ()
    if not isinstance(errors, list):
        return None
    return tuple(error[:_LONGEST_ERROR] for error in errors if isinstance(error, str))[:_MAX_ERRORS]
