"""One advertisement into one sensor's state: fence, copies, counters, unique time, newest values, deliveries.

Pure: no clock.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from schemas.advertisement import Advertisement, CounterReset, Refusal, RefusalReason
from schemas.delivery import Delivery
from schemas.reading import Delivered, Latest, LatestValue, Reading, Reception, Refused
from schemas.registry import Entry
from streams import ledger
from streams.counters import COUNTER_RESET, judge
from streams.deduplicate import NATIVE, came_at, find_packet, forgotten, packet_id_of
from streams.freshness import hear
from streams.packets import MEMORY_PACKETS, Packet
from streams.plausible import IMPLAUSIBLE
from streams.sensor_state import Newest, Remembered, SensorState, gateway_mark
from streams.windows import LATE_FOR_WINDOWS, LATENESS_MS, keep, moved_by, note, takes

MAX_RECEPTIONS = 32
_PARTS = 8
# A downgrade is shown for a day while the sensor goes on encrypting; whatever else was refused, until a reading comes.
REFUSED_MS = 86_400_000
_DOWNGRADE: RefusalReason = "plaintext_refused"
_MAX_REFUSED = 1_000_000

# accept: a packet's first copy. drop: a copy by a gateway that brought the packet before. merge: a copy by another.
# drop_replay: its encryption counter is one that had its time.
Outcome = Literal["accept", "drop", "merge", "drop_replay"]


_UNCLAIMED = Entry("")


class Folded(NamedTuple):
    """What became of an advertisement; the reading if it was accepted, and the hours whose account that closes."""

    reading: Reading | None
    outcome: Outcome
    hours: Sequence[ledger.Hour] = ()


def is_folded(state: SensorState, record: Advertisement | CounterReset | Refusal) -> bool:
    """Whether the fence says that this record, or a later one of its raw partition, was folded already."""
    at = record.at
    fence = state.fences.get(at.partition)
    return fence is not None and (at.epoch, at.offset, at.index) <= fence


def fold(
    state: SensorState,
    advertisement: Advertisement,
    watermark: int = 0,
    ticked: int = 0,
    entry: Entry = _UNCLAIMED,
) -> Folded:
    """Put the advertisement into the state, in place, and say what became of it. Call it if `is_folded` denies it.

    `watermark` says how far the stream has come: older packets are forgotten. `ticked` is the newest tick of the
    advertisement's own raw partition: it tells what is late, in every interleaving of partitions alike. Both in unix
    milliseconds, 0 if there was none. `entry`: how often the sensor is expected to speak, and what is added to what it
    says; copies are known by what it said.
    """
    interval_ms = entry.interval_ms
    _step(state, advertisement)
    packets = state.packets
    row = find_packet(packets, advertisement)
    if row is not None:
        gateway = 1 << _heard(state, advertisement, ticked, interval_ms)
        if packets.heard_by[row] & gateway:
            return Folded(None, "drop")
        packets.heard_by[row] |= gateway
        ledger.hear_again(state.ledger, packets.measured_at[row], gateway_mark(advertisement.gateway))
        return Folded(None, "merge")
    flags = advertisement.flags
    if advertisement.encrypted:
        known = advertisement.counter in packets.counter
        judgement, state.counters = judge(state.counters, advertisement, known=known)
        if judgement == "refused":
            return Folded(None, "drop_replay")
        if judgement == "repeated":
            return Folded(None, "drop")  # whoever recorded it may send it: it does not say that the sensor lives
        if judgement == "reset":
            flags += (COUNTER_RESET,)
    gateway = 1 << _heard(state, advertisement, ticked, interval_ms)
    reading = _reading(advertisement, _unique_time(packets.measured_at, advertisement.measured_at), flags, entry)
    left_out: tuple[str, ...] | None = None
    if reading.time_source != "unknown":
        if takes(state.windows, packets, reading.measured_at, ticked):
            left_out = tuple(flag.removeprefix(IMPLAUSIBLE) for flag in flags if flag.startswith(IMPLAUSIBLE))
            note(state.windows, reading.measured_at)
        else:
            reading = msgspec.structs.replace(reading, flags=(*flags, LATE_FOR_WINDOWS))
    packet = Packet(
        reading.packet_id,
        reading.counter,
        reading.measured_at,
        advertisement.values,
        advertisement.format == NATIVE,
    )
    moved = moved_by(reading.values, reading.measured) if reading.measured else {}
    packets.append(packet, came_at(advertisement, watermark), gateway, left_out, moved)
    hours = _forget(state, watermark, interval_ms)
    state.readings += 1
    _update_newest(state, reading)
    _end_refused(state, advertisement)
    return Folded(reading, "accept", hours)


def forget_counter(state: SensorState, reset: CounterReset) -> None:
    """The operator's word: the sensor's next packet sets its counter. Call it only for what `is_folded` denies."""
    _step(state, reset)
    state.counters = None


def refuse(state: SensorState, refusal: Refusal) -> None:
    """Count that the sensor was heard and not believed, nor that it lives. Call it only if not `is_folded`.

    That it spoke unencrypted hides no other reason, or whoever forges could take the mark away.
    """
    _step(state, refusal)
    held = state.refused
    if held is None or (held.reason != refusal.reason and held.reason != _DOWNGRADE):
        state.refused = Refused(refusal.received_at, 1, refusal.reason)
    elif held.reason == refusal.reason:
        state.refused = Refused(held.since, min(held.times + 1, _MAX_REFUSED), held.reason)


def _end_refused(state: SensorState, accepted: Advertisement) -> None:
    """A reading came: it has the right key, or needs none. A downgrade is shown until it has encrypted for a day."""
    held = state.refused
    if held is None or (
        held.reason == _DOWNGRADE and accepted.encrypted and accepted.received_at < held.since + REFUSED_MS
    ):
        return
    state.refused = None


def _step(state: SensorState, record: Advertisement | CounterReset | Refusal) -> None:
    """One revision and one place in the log further."""
    # begins at the clock, so that a state which had to begin anew is above what readers hold of the old one
    state.revision = state.revision + 1 if state.revision else record.received_at
    at = record.at
    state.fences[at.partition] = (at.epoch, at.offset, at.index)


def latest_of(sensor: str, state: SensorState) -> Latest:
    """The record for the latest topic. Only for a state with a reading in it, or a refusal."""
    newest = state.newest
    if newest is None:
        if state.refused is None:
            raise ValueError(f"{sensor} has said nothing yet")
        return Latest(sensor, state.revision, None, None, None, None, {}, 0, refused=state.refused)
    return Latest(
        sensor=sensor,
        revision=state.revision,
        measured_at=newest.measured_at,
        last_seen=state.last_seen,
        time_source=newest.time_source,
        gateway=newest.gateway,
        values=state.values,
        readings=state.readings,
        rssi=newest.rssi,
        packet_id=newest.packet_id,
        flags=newest.flags,
        receptions=state.receptions,
        refused=state.refused,
        delivered=Delivered(state.ledger.ever_expected, state.ledger.ever_heard),
        measured=state.measured,
    )


def _heard(state: SensorState, advertisement: Advertisement, ticked: int, interval_ms: int) -> int:
    """Every copy tells that the sensor lives and who hears it; late ones tell it of their own time only.

    Gives the gateway's place among the receptions.
    """
    if advertisement.time_source != "unknown":
        hear(state.silence, advertisement.gateway, advertisement.measured_at, ticked, interval_ms)
        if state.last_seen is None or advertisement.measured_at > state.last_seen:
            state.last_seen = advertisement.measured_at
    receptions = state.receptions
    held = receptions.get(advertisement.gateway)
    if held is None:
        if len(receptions) >= MAX_RECEPTIONS:
            longest_ago = min(receptions, key=lambda gateway: receptions[gateway].heard_at)
            state.packets.forget_gateway(list(receptions).index(longest_ago))
            del receptions[longest_ago]
        held = receptions[advertisement.gateway] = Reception(advertisement.rssi, advertisement.measured_at, 0)
    held.copies += 1
    if advertisement.measured_at >= held.heard_at:
        held.heard_at, held.rssi = advertisement.measured_at, advertisement.rssi
    return list(receptions).index(advertisement.gateway)


def _forget(state: SensorState, watermark: int, interval_ms: int) -> list[ledger.Hour]:
    """After a new packet; what is forgotten for it is in the ledger before. Gives the hours that this closes."""
    packets, hours = state.packets, list[ledger.Hour]()
    count = forgotten(packets, watermark)
    if count and ledger.is_ahead(state.ledger, max(packets.measured_at[:count])):
        # in parts, or each packet would cost a look at all
        many = MEMORY_PACKETS // _PARTS if len(packets) - count == MEMORY_PACKETS else count
        upto = max(watermark - LATENESS_MS, *packets.measured_at[:many])
        before = Remembered(state, len(packets) - 1)
        hours = ledger.advance(state.ledger, before, upto, interval_ms)
    if not ledger.is_ahead(state.ledger, packets.measured_at[-1]):
        ledger.hear_late(state.ledger, Remembered(state)[-1])
    if count:
        keep(state.windows, packets, count)
        packets.forget(count)
    return hours


def deliveries(sensor: str, state: SensorState, hours: Sequence[ledger.Hour]) -> list[Delivery]:
    """The records of hours of its ledger, for the deliveries topic, at the state's revision."""
    names = {gateway_mark(name): name for name in state.receptions}
    return [ledger.delivery(sensor, hour, names, state.revision) for hour in hours]


def _unique_time(taken: Sequence[int], measured_at: int) -> int:
    """Two packets of a sensor never share a millisecond: with the sensor it is the reading's identity."""
    while measured_at in taken:
        measured_at += 1
    return measured_at


def _reading(advertisement: Advertisement, measured_at: int, flags: tuple[str, ...], entry: Entry) -> Reading:
    values = {name: value for name, value in advertisement.values.items() if name != "packet_id"}
    values, measured = entry.corrected(values, measured_at) if entry.offsets else (values, {})
    return Reading(
        sensor=advertisement.sensor,
        measured_at=measured_at,
        received_at=advertisement.received_at,
        time_source=advertisement.time_source,
        gateway=advertisement.gateway,
        values=values,
        format=advertisement.format,
        at=advertisement.at,
        rssi=advertisement.rssi,
        packet_id=packet_id_of(advertisement),
        counter=advertisement.counter,
        flags=flags,
        measured=measured,
    )


def _update_newest(state: SensorState, reading: Reading) -> None:
    """By measured time. A reading whose time is not known never displaces one whose time is."""
    newest, unknown = state.newest, reading.time_source == "unknown"
    if newest is None or (newest.time_source == "unknown" and not unknown):
        newer = True
    elif unknown and newest.time_source != "unknown":
        newer = False
    else:
        newer = reading.measured_at > newest.measured_at
    if newer:
        state.newest = Newest(
            reading.measured_at, reading.time_source, reading.gateway, reading.rssi, reading.packet_id, reading.flags
        )
    for name, value in reading.values.items():
        held = state.values.get(name)
        if held is None or (reading.measured_at > held.measured_at and not (unknown and not newer)):
            state.values[name] = LatestValue(value, reading.measured_at)
            if name in reading.measured:
                state.measured[name] = reading.measured[name]
            else:
                state.measured.pop(name, None)
