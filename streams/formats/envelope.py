"""A gateway's frame on `<prefix>/events/rpc` as JSON, read strictly, and its notification envelope.

`{"src", "dst", "method", "params": {"ts", "events": [{"component", "event", "data", "ts"}, ...]}}`, times in unix
seconds (https://shelly-api-docs.shelly.cloud/gen2/General/Notifications).
"""

from typing import Any

import msgspec

from streams.formats.reasons import InvalidFrame, Rejected

MAX_BYTES = 64 * 1024  # the largest frame known is some kilobytes
MAX_DEPTH = 200

_decode = msgspec.json.Decoder().decode


class Event(msgspec.Struct, frozen=True, gc=False):
    """One element of a frame's events. `ts` is as the gateway sent it: anything, or None if absent.

    `element` is all of it: native components have more than name, data and time.
    """

    name: str
    data: Any
    ts: Any
    element: dict[str, Any]


def parse(payload: bytes) -> Any:
    """The JSON value of a payload. Raises InvalidFrame: too_large, not_utf8, not_json."""
    if len(payload) > MAX_BYTES:
        raise InvalidFrame("too_large", f"{len(payload)} bytes")
    try:
        document = _decode(payload)
    except RecursionError:
        raise InvalidFrame("too_large", f"deeper than {MAX_DEPTH}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise InvalidFrame("not_utf8") from None
        raise InvalidFrame("not_json", str(error)) from None
    # a level takes two bytes, so the usual frame is not walked
    if len(payload) > 2 * MAX_DEPTH and _deeper_than(document, MAX_DEPTH):
        raise InvalidFrame("too_large", f"deeper than {MAX_DEPTH}")
    return document


def events(document: dict[str, Any]) -> list[Event | Rejected]:
    """The events of a notification, each read alone; empty for a notification of another kind.

    Some devices are said to send null or a list in the place of an event: skipped. Raises InvalidFrame(bad_envelope).
    """
    method, params = document.get("method"), document.get("params")
    if not isinstance(method, str):
        raise InvalidFrame("bad_envelope", "no method")
    if not isinstance(params, dict):
        raise InvalidFrame("bad_envelope", "no params")
    if method != "NotifyEvent":
        return []
    elements = params.get("events")
    if not isinstance(elements, list):
        raise InvalidFrame("bad_envelope", "events is no list")
    return [_event(element, params) for element in elements if element is not None and not isinstance(element, list)]


def _event(element: object, params: dict[str, Any]) -> Event | Rejected:
    if not isinstance(element, dict):
        return Rejected("bad_event", "an event is no object")
    name = element.get("event")
    if not isinstance(name, str):
        return Rejected("bad_event", "an event without a name")
    ts = element.get("ts")
    return Event(name, element.get("data"), params.get("ts") if ts is None else ts, element)


def _deeper_than(document: object, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
