"""What one message holds: topic -> envelope -> adapter -> sightings, and news of components and of the gateway."""

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.address import normalise_mac
from schemas.frame import Frame, frame_key
from streams.formats import (
    blegateway,
    bluflow,
    inventory,
    iobroker,
    mschaeffler,
    native_event,
    native_status,
    openhab,
    scan_result,
    shelly_blu,
    shelly_blu_events,
    topics,
    universal_blu,
)
from streams.formats.envelope import Event, events, parse
from streams.formats.news import News, Online
from streams.formats.reasons import InvalidFrame, Rejected
from streams.formats.sighting import Sightings

# Events that carry readings, by name: a script's component id is whatever the gateway gave it. Others are skipped.
_EVENTS: dict[str, Callable[[object], Sightings]] = {
    bluflow.FORMAT: bluflow.read,
    shelly_blu.FORMAT: shelly_blu.read,
    scan_result.FORMAT: scan_result.read,
    openhab.FORMAT: openhab.read,
}
# Scripts that have a topic for each sensor: format, and what reads a message about an address.
_BY_ADDRESS: dict[str, tuple[str, Callable[[dict[str, Any], str], Sightings]]] = {
    topics.UNIVERSAL_BLU: (universal_blu.FORMAT, universal_blu.read),
    topics.BLEGATEWAY: (blegateway.FORMAT, blegateway.read),
    topics.SHELLY_BLU_EVENTS: (shelly_blu_events.FORMAT, shelly_blu_events.read),
}
# Notifications of status, and whether they say all there is.
_STATUSES = {"NotifyStatus": False, "NotifyFullStatus": True}
_ONLINE = {b"true": True, b"false": False}
_LONGEST_GATEWAY = 300  # what a gateway allows as its topic prefix


class Part(msgspec.Struct, frozen=True, gc=False):
    """The sightings of one event, what format they came in, and the event's own time as the gateway sent it."""

    format: str
    ts: object
    found: Sightings


class Contents(msgspec.Struct, gc=False):
    """All of a message, in its order. `gateway` is empty if no gateway sent it. `ts` as the gateway sent it."""

    gateway: str
    parts: list[Part]
    news: list[News]
    ts: object = None
    resets: list[str] = []


def read_contents(frame: Frame) -> Contents:
    """What a frame holds. Raises InvalidFrame if it cannot be used as a whole."""
    topic, payload = frame.topic, frame.payload
    if topic.endswith(topics.EVENTS) and len(topic) > len(topics.EVENTS):  # nearly all are
        return _notification(topic, _object(payload)) if payload else Contents("", [], [])
    name, rest = topics.kind_of(topic) or (None, "")
    if name == topics.RESET_COUNTER:
        return _reset(frame, rest)
    if not payload:  # a retained topic was cleared
        return Contents("", [], [])
    if name is None:
        raise InvalidFrame("unknown_topic", topic[:200])
    if name in _BY_ADDRESS:
        format_name, read = _BY_ADDRESS[name]
        document = _object(payload)
        return Contents(_gateway(document, topic), [Part(format_name, None, read(document, rest))], [])
    return _OTHERS[name](topic, payload, rest)


def _reset(frame: Frame, address: str) -> Contents:
    """An operator's word. A message that came over MQTT must not be believed."""
    if not frame.operator:
        raise InvalidFrame("unknown_topic", frame.topic[:200])
    try:
        return Contents("", [], [], resets=[normalise_mac(address)])
    except ValueError as error:
        raise InvalidFrame("bad_address", str(error)) from None


def _notification(topic: str, document: dict[str, Any]) -> Contents:
    gateway = _gateway(document, topic)
    parts: list[Part] = []
    news: list[News] = []
    for event in events(document):
        part = _part(event, news)
        if part is not None:
            parts.append(part)
    params, whole = document["params"], _STATUSES.get(document["method"])
    if whole is not None:
        news, rejected = native_status.read_statuses(params, whole=whole)
        parts.append(Part("", None, [*rejected]))
    return Contents(gateway, parts, news, params.get("ts"))


def _part(event: Event | Rejected, news: list[News]) -> Part | None:
    """One event's sightings, its news added to `news`; one that cannot be read is a single rejection."""
    if isinstance(event, Rejected):
        return Part("", None, [event])
    read = _EVENTS.get(event.name)
    if read is not None:
        try:
            found = read(event.data)
        except InvalidFrame as invalid:
            return Part("", None, [Rejected(invalid.reason, invalid.detail)])
        if not found and event.name == bluflow.FORMAT:
            beat = bluflow.heartbeat(event.data)
            news += [] if beat is None else [beat]
        return Part(event.name, event.ts, found)
    if not native_event.is_device_event(event):
        return None
    values, rejected = native_event.read_device_event(event)
    news += [] if values is None else [values]
    return Part("", None, [*rejected])


def _events_ble(topic: str, payload: bytes, rest: str) -> Contents:
    document = _object(payload)
    return Contents(_gateway(document, topic), [Part(iobroker.FORMAT, None, iobroker.read(document))], [])


def _ble(topic: str, payload: bytes, rest: str) -> Contents:
    document = _object(payload)
    ts = mschaeffler.seconds(document)
    return Contents(_gateway(document, topic), [Part(mschaeffler.FORMAT, ts, mschaeffler.read(document))], [], ts)


def _online(topic: str, payload: bytes, rest: str) -> Contents:
    online = _ONLINE.get(payload.strip().lower())
    if online is None:
        raise InvalidFrame("bad_envelope", f"neither true nor false: {payload[:20]!r}")
    return Contents(_gateway({}, topic), [], [Online(online)])


def _status(topic: str, payload: bytes, component: str) -> Contents:
    said = native_status.read_status(component, parse(payload), whole=True)
    return Contents(_gateway({}, topic), [], [] if said is None else [said])


def _answer(topic: str, payload: bytes, rest: str) -> Contents:
    """A gateway's answer to a question. Questions have the same suffix, but were not sent by the gateway."""
    document = parse(payload)
    if not isinstance(document, dict) or "method" in document:
        return Contents("", [], [])
    gateway, result = _gateway(document, topic), document.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("components"), list):
        return Contents(gateway, [], [])
    page, rejected = inventory.read(result)
    return Contents(gateway, [Part("", None, [*rejected])], [page])


_OTHERS: dict[str, Callable[[str, bytes, str], Contents]] = {
    topics.EVENTS_BLE: _events_ble,
    topics.BLE: _ble,
    topics.ONLINE: _online,
    topics.STATUS: _status,
    topics.ANSWER: _answer,
    topics.QUIET: lambda topic, payload, rest: Contents("", [], []),
}


def _object(payload: bytes) -> dict[str, Any]:
    document = parse(payload)
    if not isinstance(document, dict):
        raise InvalidFrame("bad_envelope", "no object")
    return document


def _gateway(document: dict[str, Any], topic: str) -> str:
    """The frame's own `src`, else its record key: prefixes are routing and may be anything."""
    source = document.get("src")
    gateway = source if isinstance(source, str) and source else frame_key(topic).decode()
    if len(gateway) > _LONGEST_GATEWAY:  # it is kept in every state and record of its sensors
        raise InvalidFrame("bad_envelope", f"a gateway's name of {len(gateway)} characters")
    return gateway
