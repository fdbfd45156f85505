"""One MQTT message -> advertisements. This is the picture: contents -> BTHome -> time -> advertisement.

Each adapter lies in a file of its own and gives sightings or news; nothing here raises, whatever a frame holds.
"""

from collections.abc import Mapping
from typing import get_args

import msgspec

from schemas.advertisement import Advertisement, Coordinate, Refusal, RefusalReason
from schemas.frame import Frame
from schemas.reading import RESTORED
from streams.formats.bthome import Packet, decode
from streams.formats.contents import read_contents
from streams.formats.news import News
from streams.formats.reasons import REASONS, InvalidFrame, InvalidPacket, Reason, Rejected
from streams.formats.sighting import Sighting
from streams.plausible import implausible
from streams.times import OUTAGE_BUDGET_MS, Measured, measured_time, to_milliseconds

__all__ = ["REASONS", "DecodedFrame", "InvalidPacket", "Rejected", "decode_frame"]

# What is told of the sensor too; for anything else nobody knows whether it is one.
_TOLD: dict[Reason, RefusalReason] = {reason: reason for reason in get_args(RefusalReason)}


class DecodedFrame(msgspec.Struct, frozen=True):
    """What a frame held, in its order. All lists are empty if it is valid and says nothing that we keep.

    `gateway` is who sent it; empty if no gateway did, or nobody can tell. `sent_at` is the frame's own time just as the
    gateway gave it. `next_index` is the first coordinate index that nothing in the frame has. `resets` are the sensors
    whose encryption counter an operator lets begin anew. `refusals` tell of sensors that were heard and not believed.
    """

    advertisements: list[Advertisement]
    rejected: list[Rejected]
    news: list[News] = []
    gateway: str = ""
    sent_at: object = None
    next_index: int = 0
    resets: list[str] = []
    refusals: list[Refusal] = []

    @property
    def ts(self) -> int | None:
        """When the frame was sent by the gateway's own clock, unix milliseconds, nothing corrected; None if untold."""
        return to_milliseconds(self.sent_at)

    @property
    def dead_letter(self) -> Rejected | None:
        """Why the frame is of no use at all; None if something in it was, or if there was nothing to be had."""
        return self.rejected[0] if self.rejected and not self.advertisements and not self.news else None


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
    """Every advertisement in a frame, its news, and what had to be rejected. Never raises.

    `keys` holds bind keys (16 bytes) by sensor id; a sensor that has one may not speak unencrypted. `epoch`,
    `partition` and `offset` are the frame's place in the raw log; the coordinate's index is the place in the frame.
    `skew_ms` is how far the gateway's clock is ahead, `budget_ms` how far back a queued frame's time is believed.
    """
    advertisements: list[Advertisement] = []
    rejected: list[Rejected] = []
    refusals: list[Refusal] = []
    try:
        contents = read_contents(frame)
    except InvalidFrame as invalid:
        return DecodedFrame([], [Rejected(invalid.reason, invalid.detail)])
    gateway = contents.gateway
    index = -1
    for part in contents.parts:
        for found in part.found:
            index += 1
            if isinstance(found, Rejected):
                rejected.append(found)
                continue
            measured = measured_time(
                part.ts,
                frame.received_at,
                queued=frame.queued,
                retain=frame.retain,
                age_ms=found.age_ms,
                skew_ms=skew_ms,
                budget_ms=budget_ms,
            )
            if measured is None:  # a retained state is no news
                continue
            at = Coordinate(epoch, partition, offset, index)
            try:
                packet = _packet(found, keys.get(found.sensor))
            except (InvalidPacket, InvalidFrame) as invalid:
                rejected.append(Rejected(invalid.reason, found.sensor))
                if reason := _TOLD.get(invalid.reason):
                    refusals.append(Refusal(found.sensor, frame.received_at, at, reason))
                continue
            advertisements.append(_advertisement(frame, gateway, part.format, found, packet, measured, at))
    return DecodedFrame(
        advertisements, rejected, contents.news, gateway, contents.ts, index + 1, contents.resets, refusals
    )


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
