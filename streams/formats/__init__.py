"""One MQTT message -> advertisements. This is the picture: topic -> envelope -> adapter -> BTHome -> advertisement.

Each adapter lies in a file of its own and gives sightings; nothing here raises, whatever a frame holds.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas.advertisement import Advertisement, Coordinate
from schemas.frame import Frame, frame_key
from schemas.reading import RESTORED
from streams.formats import bluflow, iobroker, openhab, scan_result, shelly_blu
from streams.formats.bthome import Packet, decode
from streams.formats.envelope import Event, events, parse
from streams.formats.news import News
from streams.formats.reasons import REASONS, InvalidFrame, InvalidPacket, Rejected
from streams.formats.sighting import Sighting, Sightings
from streams.plausible import implausible
from streams.times import OUTAGE_BUDGET_MS, Measured, measured_time

__all__ = ["REASONS", "DecodedFrame", "InvalidPacket", "Rejected", "decode_frame"]

# Events that carry readings, by name: a script's component id is whatever the gateway gave it. Others are skipped.
_EVENTS: dict[str, Callable[[object], Sightings]] = {
    bluflow.FORMAT: bluflow.read,
    shelly_blu.FORMAT: shelly_blu.read,
    scan_result.FORMAT: scan_result.read,
    openhab.FORMAT: openhab.read,
}
# What may follow a gateway's prefix, longest first, and which of it carries JSON but no reading.
_SUFFIXES = ("/events/rpc", "/events/ble", "/online", "/rpc", "/command", "/debug/log")
_QUIET_JSON = ("/rpc", "/status/")


_LONGEST_GATEWAY = 300  # what a gateway allows as its topic prefix


class DecodedFrame(msgspec.Struct, frozen=True):
    """What a frame held, in its order. All lists are empty if it is valid and says nothing that we keep.

    `gateway` is who sent it; empty if nobody could tell, or did not need to.
    """

    advertisements: list[Advertisement]
    rejected: list[Rejected]
    news: list[News] = []
    gateway: str = ""

    @property
    def dead_letter(self) -> Rejected | None:
        """Why the frame is of no use at all; None if something in it was, or if there was nothing to be had."""
        return self.rejected[0] if self.rejected and not self.advertisements else None


class _Event(msgspec.Struct, frozen=True, gc=False):
    """The sightings of one event, what format they came in, and the event's own time as the gateway sent it."""

    format: str
    ts: object
    found: Sightings


def decode_frame(
    frame: Frame,
    keys: Mapping[str, bytes],
    *,
    epoch: int = 0,
    partition: int = 0,
    offset: int = 0,
    skew_ms: int = 0,
    budget_ms: int = OUTAGE_BUDGET_MS,
) -> DecodedFrame:
    """Every advertisement in a frame, and what had to be rejected. Never raises.

    `keys` holds bind keys (16 bytes) by sensor id; a sensor that has one may not speak unencrypted. `epoch`,
    `partition` and `offset` are the frame's place in the raw log; the coordinate's index is the place in the frame.
    `skew_ms` is how far the gateway's clock is ahead, `budget_ms` how far back a queued frame's time is believed.
    """
    advertisements: list[Advertisement] = []
    rejected: list[Rejected] = []
    try:
        gateway, read = _read(frame)
    except InvalidFrame as invalid:
        return DecodedFrame([], [Rejected(invalid.reason, invalid.detail)])
    index = -1
    for event in read:
        for found in event.found:
            index += 1
            if isinstance(found, Rejected):
                rejected.append(found)
                continue
            measured = measured_time(
                event.ts,
                frame.received_at,
                queued=frame.queued,
                retain=frame.retain,
                age_ms=found.age_ms,
                skew_ms=skew_ms,
                budget_ms=budget_ms,
            )
            if measured is None:  # a retained state is no news
                continue
            try:
                packet = _packet(found, keys.get(found.sensor))
            except (InvalidPacket, InvalidFrame) as invalid:
                rejected.append(Rejected(invalid.reason, found.sensor))
                continue
            at = Coordinate(epoch, partition, offset, index)
            advertisements.append(_advertisement(frame, gateway, event.format, found, packet, measured, at))
    return DecodedFrame(advertisements, rejected)


def _read(frame: Frame) -> tuple[str, list[_Event]]:
    """The gateway and what its frame holds, in order. Raises InvalidFrame."""
    topic, payload = frame.topic, frame.payload
    if not payload:  # a retained topic was cleared
        return "", []
    suffix = _suffix(topic)
    if suffix == "/events/rpc":
        document = _object(payload)
        return _gateway(document, topic), [_event(each) for each in events(document)]
    if suffix == "/events/ble":
        document = _object(payload)
        return _gateway(document, topic), [_Event(iobroker.FORMAT, None, iobroker.read(document))]
    if suffix is None:
        raise InvalidFrame("unknown_topic", topic[:200])
    if suffix in _QUIET_JSON:
        parse(payload)
    return "", []


def _event(event: Event | Rejected) -> _Event:
    """One event's sightings; an event of another name has none, one that cannot be read is a single rejection."""
    if isinstance(event, Rejected):
        return _Event("", None, [event])
    read = _EVENTS.get(event.name)
    if read is None:
        return _Event(event.name, None, [])
    try:
        return _Event(event.name, event.ts, read(event.data))
    except InvalidFrame as invalid:
        return _Event(event.name, None, [Rejected(invalid.reason, invalid.detail)])


def _packet(found: Sighting, key: bytes | None) -> Packet:
    """The packet of a sighting. Raises InvalidPacket, and InvalidFrame(plaintext_refused)."""
    if found.service_data is None:
        packet = Packet(2, False, False, found.values or {})
    else:
        packet = decode(found.service_data, found.sensor, key)
    if key is not None and not packet.encrypted:
        raise InvalidFrame("plaintext_refused", found.sensor)
    return packet


def _advertisement(
    frame: Frame, gateway: str, format_name: str, found: Sighting, packet: Packet, measured: Measured, at: Coordinate
) -> Advertisement:
    flags = implausible(packet.values)
    if measured.untrusted:
        flags += ("time_untrusted",)
    if measured.source == "unknown":
        flags += ("time_unknown",)
    if frame.archived:
        flags += (RESTORED,)
    if found.partial or packet.stopped is not None:
        flags += ("partial",)
    raw = found.service_data
    return Advertisement(  # by position: naming the fields takes four times as long
        found.sensor,
        gateway,
        measured.at,
        frame.received_at,
        measured.source,
        packet.values,
        format_name,
        at,
        found.rssi,
        packet.encrypted,
        packet.counter,
        None if raw is None else packet.trigger_based,
        None if raw is None else raw.hex(),
        found.local_name,
        found.model_id,
        packet.stopped,
        flags,
    )


def _object(payload: bytes) -> dict[str, Any]:
    document = parse(payload)
    if not isinstance(document, dict):
        raise InvalidFrame("bad_envelope", "no object")
    return document


def _gateway(document: dict[str, Any], topic: str) -> str:
    """The frame's own `src`, else the topic's prefix: prefixes are routing and may be anything."""
    source = document.get("src")
    gateway = source if isinstance(source, str) and source else frame_key(topic).decode()
    if len(gateway) > _LONGEST_GATEWAY:  # it is kept in every state and record of its sensors
        raise InvalidFrame("bad_envelope", f"a gateway's name of {len(gateway)} characters")
    return gateway


def _suffix(topic: str) -> str | None:
    """What follows the gateway's prefix, if it is a topic that a gateway has."""
    for suffix in _SUFFIXES:
        if topic.endswith(suffix):
            return suffix if len(topic) > len(suffix) else None
    return "/status/" if topic.find("/status/") > 0 else None
