"""Stage 1, raw frames -> advertisements: decodes each frame, forwards ticks, keeps what it cannot decode.

Gateways are folded here and not in a stage of their own: a gateway's frames come here anyway, in its own order and
under its own key; decoding needs what was learned of its clock and its components; and a second agent would parse each
frame again. A gateway's state is written after the outputs of its frames were delivered, so a frame that it has folded
is not folded twice.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.advertisement import Advertisement, Coordinate, CounterReset, Refusal, Tick
from schemas.codec import encode
from schemas.frame import KNOWN_SUFFIXES, Frame, frame_key, tick_time
from schemas.gateway import GatewayChange
from schemas.topics import ADVERTISEMENTS, GATEWAYS, Topic
from streams import metrics
from streams.dead_letters import dead_letter
from streams.engine import States, Work
from streams.engine.tails import Mark
from streams.formats import decode_frame
from streams.formats.reasons import Rejected
from streams.gateways.fold import fold_frame, fold_tick, joined, record_of
from streams.gateways.native import due
from streams.gateways.state import KEY_PREFIX, GatewayMemory, dump, load
from streams.log_position import KEY, LogPosition, revision_of
from streams.places import Places

log = logging.getLogger("streams.decode")

_MAX_NUMBER = 1 << 53
# Of one raw partition. Whoever may publish can invent prefixes: beyond, a tick forgets who has been silent longest.
MAX_GATEWAYS = 10_000
# News of gateways in one tick: what is more waits for the next one, as a record has to fit into the broker's limit.
MAX_CHANGES_BYTES = 256 * 1024


@dataclass(slots=True)
class DecodeStage:
    """`keys()` gives the bind keys as they are now: sensor id -> 16 bytes."""

    places: Places
    keys: Callable[[], Mapping[str, bytes]]

    def fold(self, records: list[Any], states: States, partition: int) -> Work:
        """Forward one batch of raw records; remembers its gateways, and last how far it came."""
        batch = Batch(self.places, self.keys(), states)
        for record in records:
            batch.take(record)
        return batch.finish(records[-1])

    def mark(self, states: States) -> Mark:
        """How far the recovered state says that the log was read."""
        return LogPosition.load(states.get(KEY)).mark

    def begin_epoch(self, states: States, offset: int) -> int:
        """The log lost its tail and is read on from there: its offsets mean something else from here on."""
        states[KEY] = position = LogPosition.load(states.get(KEY)).departed(offset)
        return position.epoch


class Batch:
    """One batch of one raw partition on its way through the fold."""

    def __init__(self, places: Places, keys: Mapping[str, bytes], states: States) -> None:
        self._places, self._keys, self._states = places, keys, states
        self._work, self._changed = Work(), dict[bytes, GatewayMemory | None]()  # None: forgotten
        self._position = LogPosition.load(states.get(KEY))
        self._frames, self._sent = 0, dict[str, int]()  # sent on, by format

    def take(self, record: Any) -> None:
        """Fold one record."""
        try:
            ticked_at = tick_time(record.headers)
            frame = Frame.from_record(record.value, record.headers) if ticked_at is None else None
            if not 0 <= (frame.received_at if frame else ticked_at or 0) < _MAX_NUMBER:
                raise ValueError("received-at that no clock shows")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # not written by a bridge: whatever its headers are, it must not end the worker again and again
            self._bury(record, "bad_record", repr(error))
            return
        at = Coordinate(self._position.epoch, record.partition, record.offset, 0)
        if frame is not None:
            self._frame(record, frame, at)
        elif ticked_at is not None:
            self._position = self._position.ticked(ticked_at)
            self._tick(ticked_at, at)

    def finish(self, last: Any) -> Work:
        """What the batch gives, its position last: recovered, it is then never ahead of the gateways' states."""
        metrics.FRAMES.inc(self._frames)
        for name, count in self._sent.items():
            metrics.ADVERTISEMENTS.labels(name).inc(count)
        self._states[KEY] = position = self._position.after(last)
        changed = self._changed.items()
        self._work.changed = {key: None if memory is None else dump(memory) for key, memory in changed}
        self._work.changed[KEY] = position.dump()
        return self._work

    def _frame(self, record: Any, frame: Frame, at: Coordinate) -> None:
        memory, key, revision = None, b"", revision_of(at.epoch, at.offset)
        if _has_gateway_prefix(frame.topic):
            key = KEY_PREFIX + frame_key(frame.topic)
            memory = load(self._states.get(key), key[len(KEY_PREFIX) :])
            if memory.revision >= revision:
                metrics.FRAMES_FENCED.inc()
                return
        skew = memory.skew.correction if memory else 0
        decoded = decode_frame(
            frame, self._keys, epoch=at.epoch, partition=at.partition, offset=at.offset, skew_ms=skew
        )
        self._frames += 1
        if memory is None or not decoded.gateway:
            self._send(in_order(decoded.advertisements, decoded.refusals))
        else:
            memory.revision = revision
            self._states[key] = self._changed[key] = memory
            folded = fold_frame(memory, frame, decoded, at)
            self._send(in_order(folded.advertisements, decoded.refusals))
            if folded.too_late:
                metrics.NATIVE_TOO_LATE.inc(folded.too_late)
            if folded.changed:
                self._publish(memory)
        for sensor in decoded.resets:
            self._output(ADVERTISEMENTS, sensor.encode(), encode(CounterReset(sensor, frame.received_at, at)))
        if decoded.rejected:  # the frame's bytes once, however many of its elements are bad
            self._bury(record, *verdict(decoded.rejected))

    def _tick(self, time: int, at: Coordinate) -> None:
        """Every gateway hears the clock: what waited long enough goes on, who fell silent or spoke again is told."""
        states, changes, advertisements = self._states, list[GatewayChange](), list[Advertisement]()
        revision, room = revision_of(at.epoch, at.offset), MAX_CHANGES_BYTES
        # sorted: the order of the states is another one after a recovery
        for key in sorted(key for key in states if key.startswith(KEY_PREFIX)):
            memory = states[key] = load(states[key], key[len(KEY_PREFIX) :])
            if memory.revision >= revision:
                continue
            packets = due(memory.native, time)
            if packets:
                first = Coordinate(at.epoch, at.partition, at.offset, len(advertisements))
                advertisements += joined(memory, packets, first)
            told = fold_tick(memory, time, self._position.listening_since) if room > 0 else ()
            if told:
                changes += told
                room -= len(encode(told))
            if packets or told or memory.unpublished:
                memory.revision = revision
                self._changed[key] = memory
                self._publish(memory)
        self._forget()
        self._send(advertisements)
        tick = Tick(time, at, tuple(changes))
        self._work.outputs += self._places.everywhere(ADVERTISEMENTS, b"", encode(tick))

    def _forget(self) -> None:
        """Let go of the gateways beyond the bound, and tell their readers."""
        states = self._states
        if len(states) <= MAX_GATEWAYS:
            return
        silent = sorted((memory.last_frame, key) for key, memory in states.items() if key.startswith(KEY_PREFIX))
        gone = silent[: max(0, len(silent) - MAX_GATEWAYS)]
        for _, key in gone:
            del states[key]
            self._changed[key] = None
            self._output(GATEWAYS, key.removeprefix(KEY_PREFIX), None)
        if gone:
            log.warning("forgot the %d gateways silent longest: more than %d prefixes", len(gone), MAX_GATEWAYS)

    def _send(self, records: Sequence[Advertisement | Refusal]) -> None:
        for record in records:
            self._output(ADVERTISEMENTS, record.sensor.encode(), encode(record))
            if isinstance(record, Advertisement):
                self._sent[record.format] = self._sent.get(record.format, 0) + 1

    def _publish(self, memory: GatewayMemory) -> None:
        self._output(GATEWAYS, memory.prefix.encode(), encode(record_of(memory)))

    def _output(self, topic: Topic, key: bytes, value: bytes | None) -> None:
        self._work.outputs.append(self._places.output(topic, key, value))

    def _bury(self, record: Any, reason: str, detail: str) -> None:
        metrics.DEAD_LETTERS.labels("decode", reason).inc()
        self._work.outputs.append(dead_letter(self._places, record, "decode", reason, detail))


def in_order(advertisements: Sequence[Advertisement], refusals: Sequence[Refusal]) -> Sequence[Advertisement | Refusal]:
    """What a frame gives, by its coordinates: track's fence skips what lies below one that it has folded."""
    return sorted([*advertisements, *refusals], key=lambda record: record.at) if refusals else advertisements


def verdict(rejected: Sequence[Rejected]) -> tuple[str, str]:
    """The reason word and the detail of a frame with these bad elements, at least one."""
    first, *others = rejected
    return first.reason, "; ".join([first.detail, *(f"{other.reason} {other.detail}" for other in others)])


def _has_gateway_prefix(topic: str) -> bool:
    """Whether the record key is a gateway's: not for scripts with topics of their own, nor for answers to others."""
    if topic.endswith("/rpc") and not topic.endswith("/events/rpc"):
        return topic.startswith("bluflow/")
    return topic.endswith(KNOWN_SUFFIXES) or "/status/" in topic
