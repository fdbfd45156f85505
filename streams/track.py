"""Stage 2, advertisements -> readings, latest, aggregates, freshness, deliveries: one state a sensor, in log order.

All that a batch gives is a function of the records before it in this partition and of the registry, never of where a
batch ends, so that a redelivery repeats it. Ticks wake the sensors that have something to do; nothing else does.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.advertisement import Advertisement, CounterReset, Refusal, RefusalReason, Tick
from schemas.codec import decode_advertisement, encode
from schemas.gateway import Clock
from schemas.reading import Reading
from schemas.registry import Registry
from schemas.topics import AGGREGATES, CLOCK, DELIVERIES, FRESHNESS, LATEST, RAW_FRAMES, READINGS
from streams import freshness, ledger, metrics, windows
from streams.counters import COUNTER_RESET
from streams.dead_letters import dead_letter
from streams.engine import States, Work
from streams.fold import deliveries, fold, forget_counter, is_folded, latest_of, refuse
from streams.freshness import JUDGED_AFTER_MS
from streams.places import Places
from streams.schedule import WAITS_MS, Schedule, turn_of
from streams.sensor_state import Remembered, SensorState
from streams.state_codec import dump, load
from streams.watermark import KEY, Watermark
from streams.windows import Published, aggregate_of

log = logging.getLogger("streams.track")

MAX_VALUES_BYTES = 640  # a state holds 512 packets and must stay below a broker's usual limit of 1 MB a record
_MAX_NUMBER = 1 << 53
_SENSOR = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}").fullmatch
_pack = msgspec.msgpack.Encoder().encode


class Unreadable(Exception):
    """A record that is no advertisement, or one that no state could hold."""


def read_advertisement(value: bytes) -> Advertisement | Tick | CounterReset | Refusal:
    """The record. Raises Unreadable, here and not in a fold: what fails there ends the worker, again and again."""
    try:
        read: Advertisement | Tick | CounterReset | Refusal = decode_advertisement(value)
        if not isinstance(read, Tick) and not _SENSOR(read.sensor):
            raise ValueError(f"not a sensor's id: {read.sensor[:40]!r}")
        if isinstance(read, Advertisement):
            if len(_pack(read.values)) > MAX_VALUES_BYTES:
                raise ValueError(f"values of more than {MAX_VALUES_BYTES} bytes")
            numbers = [read.measured_at, read.received_at, read.counter or 0]
        elif isinstance(read, CounterReset | Refusal):
            numbers = [read.received_at]
        else:
            numbers = [read.time, *(change.at for change in read.gateways)]
        at = read.at
        numbers += (at.epoch, at.partition, at.offset, at.index)
        if min(numbers) < 0 or max(numbers) >= _MAX_NUMBER:
            raise ValueError("a number that no time or place can be")
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    return read


_WHY: dict[RefusalReason, str] = {
    "plaintext_refused": "has a bind key and speaks unencrypted: refused",
    "bindkey_missing": "encrypts and has no bind key: `bluflow sensors set-key` gives it one",
    "mic_mismatch": "cannot be read with its bind key: another one, or forged",
}
_MANY_HEARINGS = 3  # of one gateway, until a fold lets go of those that are over
_NOBODY = Registry()


@dataclass(slots=True)
class TrackStage:
    """Folds batches of one advertisements partition. `registry()` gives the registry as it is now."""

    places: Places
    registry: Callable[[], Registry] = lambda: _NOBODY

    def fold(self, records: list[Any], states: States, partition: int) -> Work:
        """One batch into the states of its partition. `latest` is written once a sensor and batch."""
        batch = Batch(self.places, self.registry(), states, partition)
        for record in records:
            batch.take(record)
        return batch.finish()


class Batch:
    """One batch of one partition on its way through the fold."""

    def __init__(self, places: Places, registry: Registry, states: States, partition: int) -> None:
        self._places, self._registry, self._states, self._partition = places, registry, states, partition
        self._work, self._changed, self._spoke = Work(), dict[bytes, SensorState](), set[bytes]()
        self._published = dict[tuple[bytes, str, int, int], Published]()
        self._readings = self._copies = 0
        self._watermark: Watermark = Watermark.load(states.get(KEY), places.count(RAW_FRAMES))
        states[KEY] = self._watermark
        self._schedule = self._watermark.schedule = self._watermark.schedule or self._make_schedule()
        if self._schedule.registry is not registry:
            self._follow_registry(self._schedule.registry)
        self._began = self._now = self._watermark.time
        self._revision = self._watermark.revision

    def take(self, record: Any) -> None:
        """Fold one record."""
        try:
            read = read_advertisement(record.value or b"")
        except Unreadable as error:
            self._bury(record, "undecodable", str(error))
            return
        if isinstance(read, Tick):
            self._tick(read)
            return
        key = read.sensor.encode()
        state = self._states[key] = load(self._states.get(key))
        if is_folded(state, read):
            metrics.FENCED.inc()
            return
        self._changed[key] = state
        if isinstance(read, Advertisement):
            self._advertisement(key, state, read, record)
        elif isinstance(read, Refusal):
            self._refusal(key, state, read, record)
        else:
            forget_counter(state, read)
            log.warning(
                "counter of %s forgotten at an operator's word", read.sensor, extra=_origin(record, read.sensor)
            )

    def finish(self) -> Work:
        """What the batch gives, the watermark last: recovered, it is then never ahead of the states."""
        work = self._work
        for key in self._spoke:
            work.outputs.append(self._places.output(LATEST, key, encode(latest_of(key.decode(), self._changed[key]))))
        for (key, *_), published in self._published.items():
            aggregate = aggregate_of(key.decode(), published)
            work.outputs.append(self._places.output(AGGREGATES, aggregate.key, encode(aggregate), by=key))
        metrics.AGGREGATES.inc(len(self._published))
        metrics.READINGS.inc(self._readings)
        metrics.COPIES.inc(self._copies)
        work.changed = {key: dump(state) for key, state in self._changed.items()}
        if self._now > self._began:
            key = b"%d" % self._partition
            work.outputs.append(self._places.output(CLOCK, key, encode(Clock(self._partition, self._now))))
        if self._watermark.revision != self._revision:
            work.changed[KEY] = self._watermark.dump()
        return work

    def _advertisement(self, key: bytes, state: SensorState, advertisement: Advertisement, record: Any) -> None:
        ticked, entry = self._watermark.ticked(advertisement.at.partition), self._registry.entry(advertisement.sensor)
        reading, outcome, hours = fold(state, advertisement, self._now, ticked, entry)
        if outcome == "drop_replay":
            self._bury(record, "counter_replayed", f"{advertisement.sensor} counter {advertisement.counter}")
            return
        if len(state.silence.hearings.get(advertisement.gateway, ())) > _MANY_HEARINGS:
            freshness.tidy(state.silence, self._now - JUDGED_AFTER_MS, self._watermark.listening, entry.interval_ms)
        if reading is None:
            self._copies += 1
        else:
            self._reading(key, state, reading, record)
        if hours:
            self._deliver(key, state, hours)
        self._put_off(key, state, freshness.wake(state.silence, entry.interval_ms))

    def _reading(self, key: bytes, state: SensorState, reading: Reading, record: Any) -> None:
        """It takes with it what its sensor has to publish by now."""
        self._readings += 1
        self._work.outputs.append(self._places.output(READINGS, key, encode(reading)))
        self._spoke.add(key)
        if reading.flags:
            self._note_flags(reading, record)
        turn = turn_of(key)
        if windows.wake(state.windows, turn) <= self._now:
            self._publish(key, windows.settle(state.windows, state.packets, self._now, state.revision, turn) or ())

    def _refusal(self, key: bytes, state: SensorState, refusal: Refusal, record: Any) -> None:
        held = state.refused
        refuse(state, refusal)
        if held is None or (state.refused and held.reason != state.refused.reason):
            log.warning("%s %s", refusal.sensor, _WHY[refusal.reason], extra=_origin(record, refusal.sensor))
        self._spoke.add(key)

    def _tick(self, tick: Tick) -> None:
        """The clock goes on; whoever is due by then fell silent, spoke again, or has windows to publish."""
        metrics.TICK.set(tick.time / 1000)
        self._watermark.saw(tick.at.partition, tick.time, tick.gateways)
        now = self._watermark.time
        if now == self._now:
            return
        self._now = now
        for key in self._schedule.pop(now):
            self._settle(key, now)
        self._watermark.forget()

    def _settle(self, key: bytes, now: int) -> None:
        state, sensor, turn = load(self._states.get(key)), key.decode(), turn_of(key)
        transitions, again = freshness.settle(
            sensor, state.silence, now - JUDGED_AFTER_MS, self._watermark.listening, self._interval(sensor)
        )
        # readers take only a higher revision: what a tick makes of a sensor is one more
        published = windows.settle(state.windows, state.packets, now, state.revision + 1, turn, waits=WAITS_MS)
        hours = ledger.settle(state.ledger, Remembered(state), now - turn, self._interval(sensor))
        if transitions or published is not None or hours is not None:
            state.revision += 1
            self._states[key] = self._changed[key] = state
        for transition in transitions:
            metrics.TRANSITIONS.labels(transition.freshness, transition.cause or "").inc()
            self._work.outputs.append(self._places.output(FRESHNESS, key, encode(transition)))
        self._publish(key, published or ())
        if hours:
            self._deliver(key, state, hours)
        self._put_off(key, state, again)

    def _publish(self, key: bytes, published: Sequence[Published]) -> None:
        """Of one window, only the last of a batch: readers would take the others for nothing."""
        for each in published:
            self._published[key, each.name, each.width, each.number] = each

    def _deliver(self, key: bytes, state: SensorState, hours: Sequence[ledger.Hour]) -> None:
        for delivery in deliveries(key.decode(), state, hours):
            metrics.DELIVERIES.inc()
            self._work.outputs.append(self._places.output(DELIVERIES, delivery.key, encode(delivery), by=key))

    def _note_flags(self, reading: Reading, record: Any) -> None:
        if windows.LATE_FOR_WINDOWS in reading.flags:
            metrics.LATE_READINGS.inc()
        if COUNTER_RESET in reading.flags:
            metrics.COUNTER_RESETS.inc()
            origin = _origin(record, reading.sensor)
            log.warning("%s counts anew from %s: a new battery", reading.sensor, reading.counter, extra=origin)

    def _bury(self, record: Any, reason: str, detail: str) -> None:
        metrics.DEAD_LETTERS.labels("track", reason).inc()
        self._work.outputs.append(dead_letter(self._places, record, "track", reason, detail))

    def _interval(self, sensor: str) -> int:
        return self._registry.entry(sensor).interval_ms

    def _put_off(self, key: bytes, state: SensorState, judged: int | None) -> None:
        self._schedule.put(key, _due(key, state, judged))

    def _make_schedule(self) -> Schedule:
        """Of all states as recovered; they are not kept decoded, most may not speak for long."""
        entries = []
        for key, value in self._states.items():
            if key != KEY:
                state = load(value)
                due = _due(key, state, freshness.wake(state.silence, self._interval(key.decode())))
                if due is not None:
                    entries.append((due, key))
        return Schedule(entries, self._registry)

    def _follow_registry(self, before: Registry) -> None:
        """Whoever is expected in another rhythm now is looked at with the next tick."""
        self._schedule.registry = self._registry
        for sensor in {*before.entries, *self._registry.entries}:
            key = sensor.encode()
            if key in self._states and before.entry(sensor).interval_ms != self._interval(sensor):
                self._schedule.put(key, 0)


def _due(key: bytes, state: SensorState, judged: int | None) -> int | None:
    """The watermark at which a tick finds something to do, should the sensor not speak before; None: nothing.

    `judged`: when there is something for the machine of freshness, which runs behind the watermark.
    """
    turn = turn_of(key)
    due = min(windows.wake(state.windows, turn), windows.wake_silent(state.windows, state.packets)) + WAITS_MS
    told = ledger.wake(state.ledger, Remembered(state))
    if told is not None:
        due = min(due, told + turn)
    if judged is not None:
        due = min(due, judged + JUDGED_AFTER_MS)
    return due if due < windows.NEVER else None


def _origin(record: Any, sensor: str) -> dict[str, str]:
    """What a log line about the record says of it."""
    return {"origin": f"{record.topic}:{record.partition}:{record.offset}", "sensor": sensor}
