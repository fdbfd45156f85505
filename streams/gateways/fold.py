"""One frame, or one tick, into the state of a gateway. Pure.

A gateway is alive by what it sends: `online` is only a hint, its last will comes from the MQTT broker, and what waited
in a queue or lay there as a topic's stored state counts at its own time alone.
"""

from collections.abc import Sequence

import msgspec

from schemas.advertisement import Advertisement, Coordinate
from schemas.frame import Frame
from schemas.freshness import GATEWAY_SILENT_MS
from schemas.gateway import GatewayChange, GatewayState, Heartbeat
from schemas.reading import RESTORED
from streams.formats import DecodedFrame
from streams.formats.news import (
    Beat,
    DeviceStatus,
    DeviceValues,
    Inventory,
    News,
    Online,
    ScriptStatus,
    SensorStatus,
    Uptime,
)
from streams.gateways import native
from streams.gateways.inventory import learn
from streams.gateways.native import Arrival, Packet
from streams.gateways.state import GatewayMemory
from streams.plausible import implausible
from streams.times import measured_time

IDENTITY_CHANGED = "identity_changed"
NATIVE = "native"
_BOOT_MS = 10_000  # a restart moves the time of boot on by more than this
_SKEW_NEWS_MS = 1_000
_MOST = 100  # scripts, alarms
_LONGEST_WORD = 200


class Folded(msgspec.Struct, frozen=True):
    """What a frame gave: advertisements in order of their index, and whether its gateway's record says more than that
    it was heard. `too_late`: values that waited for the components map until nobody wanted them."""

    advertisements: Sequence[Advertisement]
    changed: bool
    too_late: int = 0


def fold_frame(memory: GatewayMemory, frame: Frame, decoded: DecodedFrame, at: Coordinate) -> Folded:
    """Fold a frame of this gateway, decoded with the correction of its clock; `at` is the frame's place."""
    before = _noted(memory, decoded.news)
    memory.frames += 1
    memory.unpublished = True
    _identify(memory, frame, decoded)
    told = decoded.ts
    will = any(isinstance(said, Online) and not said.online for said in decoded.news)
    # a dead frame that was redriven keeps its arrival: it says nothing of how the gateway is now
    is_past = frame.archived and frame.received_at < memory.last_frame
    if not (frame.queued or frame.retain):
        if not will:
            _alive(memory, frame.received_at)
        if told is not None and not is_past:
            memory.skew.saw(told, frame.received_at)
    elif told is not None:
        _alive(memory, min(told - memory.skew.correction, frame.received_at))

    arrival = Arrival(frame.received_at, frame.queued, frame.retain, frame.archived, told)
    packets, too_late, spoke = [], 0, set[str]()
    for said in decoded.news:
        if isinstance(said, (SensorStatus, DeviceStatus, DeviceValues)):
            packets += native.hear(memory.native, said, arrival)
            known = memory.native.components.get(said.component)
            if known is not None:
                spoke.add(known.sensor)
        elif isinstance(said, Inventory):
            found, dropped = learn(memory.native, said, frame.received_at)
            packets += found
            too_late += dropped
        if not is_past:
            _note(memory, said, arrival)
    if memory.native.waiting:
        for sensor in sorted(spoke):
            if native.complete(memory.native, sensor):
                packets += native.flush(memory.native, sensor)
        packets += native.due(memory.native, frame.received_at)

    advertisements: Sequence[Advertisement] = decoded.advertisements
    if advertisements and advertisements[0].gateway != memory.identity:
        advertisements = [_renamed(memory, each, frame) for each in advertisements]
    if packets:
        first = decoded.next_index
        advertisements = [*advertisements, *joined(memory, packets, msgspec.structs.replace(at, index=first))]
    return Folded(advertisements, _noted(memory, decoded.news) != before, too_late)


def fold_tick(memory: GatewayMemory, time: int, listening_since: int) -> tuple[GatewayChange, ...]:
    """What a tick (unix milliseconds) tells of this gateway. Before `listening_since` nobody listened."""
    changes = []
    if memory.spoke_at is not None:
        changes.append(GatewayChange(memory.identity, False, memory.spoke_at))
        memory.spoke_at = None
    if memory.silent_since is None and time - max(memory.last_frame, listening_since) > GATEWAY_SILENT_MS:
        memory.silent_since = memory.last_frame
        changes.append(GatewayChange(memory.identity, True, memory.last_frame))
    return tuple(changes)


def joined(memory: GatewayMemory, packets: Sequence[Packet], first: Coordinate) -> list[Advertisement]:
    """Native packets as advertisements, their coordinates growing from `first`; one without a time to trust, and
    stored by the MQTT broker, is no news."""
    advertisements: list[Advertisement] = []
    for packet in packets:
        arrival = packet.arrival
        measured = measured_time(
            packet.updated_at / 1000,
            arrival.received_at,
            queued=arrival.queued,
            retain=arrival.retain,
            skew_ms=memory.skew.correction,
        )
        if measured is None:
            continue
        flags = implausible(packet.values)
        if measured.untrusted:
            flags += ("time_untrusted",)
        if measured.source == "unknown":
            flags += ("time_unknown",)
        if arrival.archived:
            flags += (RESTORED,)
        advertisements.append(
            Advertisement(
                packet.sensor,
                memory.identity,
                measured.at,
                arrival.received_at,
                measured.source,
                packet.values,
                NATIVE,
                msgspec.structs.replace(first, index=first.index + len(advertisements)),
                packet.rssi,
                model_id=packet.model_id,
                flags=flags,
            )
        )
    return advertisements


def record_of(memory: GatewayMemory) -> GatewayState:
    """The gateway's record as it is now; marks it as written."""
    memory.unpublished = False
    memory.published_skew = memory.skew.known
    return GatewayState(
        gateway=memory.identity,
        prefix=memory.prefix,
        revision=memory.revision,
        last_frame=memory.last_frame,
        frames=memory.frames,
        silent_since=memory.silent_since,
        skew_ms=memory.skew.known,
        online=memory.online,
        online_at=memory.online_at,
        booted_at=memory.booted_at,
        reboots=memory.reboots,
        heartbeat=memory.heartbeat,
        stopped_scripts=memory.stopped_scripts,
        alarms=memory.alarms,
        flags=(IDENTITY_CHANGED,) if memory.identity_changed else (),
    )


def _alive(memory: GatewayMemory, at: int) -> None:
    memory.last_frame = max(memory.last_frame, at)
    if memory.silent_since is not None and at > memory.silent_since:
        memory.silent_since, memory.spoke_at = None, at


def _identify(memory: GatewayMemory, frame: Frame, decoded: DecodedFrame) -> None:
    if decoded.gateway and _names_its_device(frame):
        if memory.source is None:
            memory.source = decoded.gateway
        elif decoded.gateway != memory.source:
            memory.identity_changed = True


def _renamed(memory: GatewayMemory, advertisement: Advertisement, frame: Frame) -> Advertisement:
    """Under the gateway's identity; flagged if the frame named another device than its prefix stands for.

    Scripts may share a prefix, and name in their own topics whom they like: that stays as it is.
    """
    if advertisement.gateway == memory.prefix:
        return msgspec.structs.replace(advertisement, gateway=memory.identity)
    if _names_its_device(frame):
        flags = (*advertisement.flags, IDENTITY_CHANGED)
        return msgspec.structs.replace(advertisement, gateway=memory.identity, flags=flags)
    return advertisement


def _names_its_device(frame: Frame) -> bool:
    """Whether its `src` is the device's own name: only notifications carry that, other topics give their prefix."""
    return frame.topic.endswith("/events/rpc")


def _note(memory: GatewayMemory, said: News, arrival: Arrival) -> None:
    match said:
        case Online(online):
            memory.online, memory.online_at = online, arrival.received_at
        case Beat():
            memory.heartbeat = Heartbeat(
                arrival.received_at, said.uptime, said.heard, said.sent, said.dropped, said.memory
            )
            if said.uptime is not None:
                _booted(memory, said.uptime, arrival)
        case Uptime(seconds):
            _booted(memory, seconds, arrival)
        case ScriptStatus(script, running, errors):
            _mark(memory.stopped_scripts, script, None if running else ", ".join(errors) or "stopped")
        case DeviceStatus() if said.errors is not None:
            _mark(memory.alarms, said.component, ", ".join(said.errors) or None)


def _booted(memory: GatewayMemory, uptime: int, arrival: Arrival) -> None:
    """A restart: the uptime went down, and the boot that it tells of is a later one (not a frame that was late)."""
    booted_at = arrival.received_at - uptime * 1000
    if memory.uptime is None or memory.booted_at is None:
        memory.booted_at = booted_at
    elif uptime < memory.uptime:
        if booted_at - memory.booted_at <= _BOOT_MS or arrival.queued or arrival.retain:
            return
        memory.reboots += 1
        memory.booted_at = booted_at
    memory.uptime = uptime


def _mark(words: dict[str, str], name: str, word: str | None) -> None:
    if word is None:
        words.pop(name, None)
    elif name in words or len(words) < _MOST:
        words[name] = word[:_LONGEST_WORD]


def _noted(memory: GatewayMemory, news: Sequence[News]) -> tuple[object, ...]:
    """What makes its record worth writing at once when it changes; most only news can change."""
    known, published = memory.skew.known, memory.published_skew
    if known is not None and published is not None and abs(known - published) < _SKEW_NEWS_MS:
        known = published
    noted = (memory.source, memory.identity_changed, memory.silent_since, known)
    if not news:
        return noted
    words = (*memory.stopped_scripts.items(), *memory.alarms.items())
    return (*noted, memory.online, memory.reboots, memory.heartbeat, *words)
