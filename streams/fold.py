"""One advertisement into one sensor's state: fence, copies, unique time, newest values. Pure: no clock, no Kafka."""

from schemas.advertisement import Advertisement
from schemas.reading import Latest, LatestValue, Reading, Reception
from streams.deduplicate import find_packet, packet_id_of, remember
from streams.sensor_state import Newest, Packet, SensorState

MAX_RECEPTIONS = 32


def is_folded(state: SensorState, advertisement: Advertisement) -> bool:
    """Whether the fence says that this advertisement, or a later one of its raw partition, was folded already."""
    at = advertisement.at
    fence = state.fences.get(at.partition)
    return fence is not None and (at.epoch, at.offset, at.index) <= fence


def fold(state: SensorState, advertisement: Advertisement, watermark: int = 0) -> tuple[SensorState, Reading | None]:
    """The state with the advertisement in it (changed in place), and the reading if this was the first copy.

    `watermark` says how far the stream has come (unix milliseconds): older packets are forgotten. Call it only for what
    `is_folded` denies.
    """
    at = advertisement.at
    # begins at the clock, so that a state which had to begin anew is above what readers hold of the old one
    state.revision = state.revision + 1 if state.revision else advertisement.received_at
    state.fences[at.partition] = (at.epoch, at.offset, at.index)
    _count_reception(state, advertisement)
    if find_packet(state.packets, advertisement):
        return state, None
    reading = _reading(advertisement, _unique_time(state, advertisement.measured_at))
    state.packets = remember(
        state.packets,
        Packet(reading.packet_id, reading.counter, reading.measured_at, reading.received_at, advertisement.values),
        watermark,
    )
    state.readings += 1
    _update_newest(state, reading)
    return state, reading


def latest_of(sensor: str, state: SensorState) -> Latest:
    """The record for the latest topic. Only for a state with a reading in it."""
    newest = state.newest
    if newest is None:
        raise ValueError(f"{sensor} has no reading yet")
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
    )


def _count_reception(state: SensorState, advertisement: Advertisement) -> None:
    """Every copy tells that the sensor lives and who hears it; late ones tell it of their own time only."""
    known = advertisement.time_source != "unknown"
    if known and (state.last_seen is None or advertisement.measured_at > state.last_seen):
        state.last_seen = advertisement.measured_at
    held = state.receptions.get(advertisement.gateway)
    if held is None:
        if len(state.receptions) >= MAX_RECEPTIONS:
            del state.receptions[min(state.receptions, key=lambda gateway: state.receptions[gateway].heard_at)]
        held = state.receptions[advertisement.gateway] = Reception(advertisement.rssi, advertisement.measured_at, 0)
    held.copies += 1
    if advertisement.measured_at >= held.heard_at:
        held.heard_at, held.rssi = advertisement.measured_at, advertisement.rssi


def _unique_time(state: SensorState, measured_at: int) -> int:
    """Two packets of a sensor never share a millisecond: with the sensor it is the reading's identity."""
    taken = {packet.measured_at for packet in state.packets}
    while measured_at in taken:
        measured_at += 1
    return measured_at


def _reading(advertisement: Advertisement, measured_at: int) -> Reading:
    values = {name: value for name, value in advertisement.values.items() if name != "packet_id"}
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
        flags=advertisement.flags,
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
