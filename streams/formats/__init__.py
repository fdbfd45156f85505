"""One MQTT message -> advertisements. This is the picture: topic -> envelope -> adapter -> BTHome -> advertisement.

Each adapter lies in a file of its own and gives sightings; nothing here raises, whatever a frame holds.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.advertisement import Advertisement, Coordinate
from schemas.frame import Frame, frame_key
from streams.formats import bluflow, iobroker, openhab, scan_result, shelly_blu
from streams.formats.bthome import Packet, decode
from streams.formats.envelope import Event, events, parse
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
# Topics of a gateway that carry no reading: JSON, or plain text.
_QUIET_JSON = ("/rpc",)
_QUIET_TEXT = ("/online", "/command", "/debug/log")


class DecodedFrame(NamedTuple):
    """What a frame held, in its order. Both lists are empty if it is valid and carries no reading."""

    advertisements: list[Advertisement]
    rejected: list[Rejected]

    @property
    def dead_letter(self) -> Rejected | None:
        """Why the frame is of no use at all; None if something in it was, or if there was nothing to be had."""
        return self.rejected[0] if self.rejected and not self.advertisements else None


class _Part(NamedTuple):
    """One sighting or rejection with what its event says about it."""

    format: str
    ts: object
    found: Sighting | Rejected


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
    decoded = DecodedFrame([], [])
    try:
        gateway, parts = _parts(frame)
    except InvalidFrame as invalid:
        decoded.rejected.append(Rejected(invalid.reason, invalid.detail))
        return decoded
    for index, (format_name, ts, found) in enumerate(parts):
        if isinstance(found, Rejected):
            decoded.rejected.append(found)
            continue
        measured = measured_time(
            ts,
            frame.received_at,
            queued=frame.queued,
            retain=frame.retain,
            age_ms=found.age_ms,
            skew_ms=skew_ms,
            budget_ms=budget_ms,
        )
        if measured is None:
            continue
        try:
            packet = _packet(found, keys.get(found.sensor))
        except (InvalidPacket, InvalidFrame) as invalid:
            decoded.rejected.append(Rejected(invalid.reason, found.sensor))
            continue
        decoded.advertisements.append(
            Advertisement(
                sensor=found.sensor,
                gateway=gateway,
                measured_at=measured.at,
                received_at=frame.received_at,
                time_source=measured.source,
                values=packet.values,
                format=format_name,
                at=Coordinate(epoch, partition, offset, index),
                rssi=found.rssi,
                encrypted=packet.encrypted,
                counter=packet.counter,
                trigger_based=None if found.service_data is None else packet.trigger_based,
                service_data_hex=None if found.service_data is None else found.service_data.hex(),
                local_name=found.local_name,
                model_id=found.model_id,
                stopped=packet.stopped,
                flags=_flags(found, packet, measured),
            )
        )
    return decoded


def _parts(frame: Frame) -> tuple[str, list[_Part]]:
    """The gateway and what its frame holds, in order. Raises InvalidFrame."""
    topic, payload = frame.topic, frame.payload
    if not payload:  # a retained topic was cleared
        return "", []
    if _is_below(topic, "/events/rpc"):
        document = _object(payload)
        return _gateway(document, topic), [part for event in events(document) for part in _event_parts(event)]
    if _is_below(topic, "/events/ble"):
        document = _object(payload)
        return _gateway(document, topic), [_Part(iobroker.FORMAT, None, found) for found in iobroker.read(document)]
    if any(_is_below(topic, suffix) for suffix in _QUIET_JSON) or topic.find("/status/") > 0:
        parse(payload)
        return "", []
    if any(_is_below(topic, suffix) for suffix in _QUIET_TEXT):
        return "", []
    raise InvalidFrame("unknown_topic", topic[:200])


def _event_parts(event: Event | Rejected) -> list[_Part]:
    if isinstance(event, Rejected):
        return [_Part("", None, event)]
    read = _EVENTS.get(event.name)
    if read is None:
        return []
    try:
        return [_Part(event.name, event.ts, found) for found in read(event.data)]
    except InvalidFrame as invalid:
        return [_Part(event.name, event.ts, Rejected(invalid.reason, invalid.detail))]


def _packet(found: Sighting, key: bytes | None) -> Packet:
    """The packet of a sighting. Raises InvalidPacket, and InvalidFrame(plaintext_refused)."""
    if found.service_data is None:
        packet = Packet(2, False, False, found.values or {})
    else:
        packet = decode(found.service_data, found.sensor, key)
    if key is not None and not packet.encrypted:
        raise InvalidFrame("plaintext_refused", found.sensor)
    return packet


def _flags(found: Sighting, packet: Packet, measured: Measured) -> tuple[str, ...]:
    flags = implausible(packet.values)
    if measured.untrusted:
        flags += ("time_untrusted",)
    if measured.source == "unknown":
        flags += ("time_unknown",)
    if found.partial or packet.stopped is not None:
        flags += ("partial",)
    return flags


def _object(payload: bytes) -> dict[str, Any]:
    document = parse(payload)
    if not isinstance(document, dict):
        raise InvalidFrame("bad_envelope", "no object")
    return document


def _gateway(document: dict[str, Any], topic: str) -> str:
    """The frame's own `src`, else the topic's prefix: prefixes are routing and may be anything."""
    source = document.get("src")
    return source if isinstance(source, str) and source else frame_key(topic).decode()


def _is_below(topic: str, suffix: str) -> bool:
    return topic.endswith(suffix) and len(topic) > len(suffix)
