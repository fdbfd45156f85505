"""Stage 2, advertisements -> readings and latest: one state a sensor, folded in log order."""

from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.address import normalise_mac
from schemas.advertisement import Advertisement, CounterReset, Tick
from schemas.codec import decode_advertisement, encode
from schemas.reading import Reading
from schemas.topics import LATEST, RAW_FRAMES, READINGS
from streams import metrics
from streams.dead_letters import dead_letter
from streams.engine import States, Work
from streams.fold import fold, is_folded, latest_of
from streams.places import Places
from streams.sensor_state import SensorState, dump, load
from streams.watermark import KEY, Watermark

MAX_VALUES_BYTES = 1024  # a state holds 512 packets and must stay below a broker's usual limit of 1 MB a record
_MAX_NUMBER = 1 << 53
_pack = msgspec.msgpack.Encoder().encode


class Unreadable(Exception):
    """A record that is no advertisement, or one that no state could hold."""


def read_advertisement(value: bytes) -> Advertisement | Tick | CounterReset:
    """The record. Raises Unreadable, here and not in a fold: what fails there ends the worker, again and again."""
    try:
        read: Advertisement | Tick | CounterReset = decode_advertisement(value)
        if not isinstance(read, Tick) and normalise_mac(read.sensor) != read.sensor:
            raise ValueError(f"not a sensor's id: {read.sensor[:40]!r}")
        if isinstance(read, Advertisement):
            if len(_pack(read.values)) > MAX_VALUES_BYTES:
                raise ValueError(f"values of more than {MAX_VALUES_BYTES} bytes")
            numbers = [read.measured_at, read.received_at, read.counter or 0]
        elif isinstance(read, CounterReset):
            numbers = [read.received_at]
        else:
            numbers = [read.time, *(change.at for change in read.gateways)]
        if not all(0 <= number < _MAX_NUMBER for number in (*numbers, *msgspec.structs.astuple(read.at))):
            raise ValueError("a number that no time or place can be")
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    return read


@dataclass(slots=True)
class TrackStage:
    """Folds batches of one advertisements partition."""

    places: Places

    def fold(self, records: list[Any], states: States, partition: int) -> Work:
        """One batch into the states of its partition. `latest` is written once a sensor and batch."""
        work, changed = Work(), dict[bytes, SensorState]()
        spoke: set[bytes] = set()
        watermark = states[KEY] = Watermark.load(states.get(KEY), self.places.count(RAW_FRAMES))
        revision = watermark.revision
        for record in records:
            advertisement = self._read(record, watermark, work)
            if isinstance(advertisement, Advertisement):
                key = advertisement.sensor.encode()
                reading = self._track(key, advertisement, watermark.time, states, changed)
                if reading:
                    work.outputs.append(self.places.output(READINGS, key, encode(reading)))
                    spoke.add(key)
        for key in spoke:
            work.outputs.append(self.places.output(LATEST, key, encode(latest_of(key.decode(), changed[key]))))
        work.changed = {key: dump(state) for key, state in changed.items()}
        if watermark.revision != revision:
            # last: a recovered watermark is then never ahead of the states, and no packet forgotten too early
            work.changed[KEY] = watermark.dump()
        return work

    def _read(self, record: Any, watermark: Watermark, work: Work) -> Advertisement | Tick | CounterReset | None:
        try:
            read = read_advertisement(record.value or b"")
        except Unreadable as error:
            metrics.DEAD_LETTERS.labels("track", "undecodable").inc()
            work.outputs.append(dead_letter(self.places, record, "track", "undecodable", str(error)))
            return None
        if isinstance(read, Tick):
            metrics.TICK.set(read.time / 1000)
            watermark.saw(read.at.partition, read.time)
        else:
            watermark.saw(read.at.partition, read.received_at)
        return read

    def _track(
        self,
        key: bytes,
        advertisement: Advertisement,
        watermark: int,
        states: States,
        changed: dict[bytes, SensorState],
    ) -> Reading | None:
        state = states[key] = load(states.get(key))
        if is_folded(state, advertisement):
            metrics.FENCED.inc()
            return None
        changed[key], reading = fold(state, advertisement, watermark)
        (metrics.READINGS if reading else metrics.COPIES).inc()
        return reading
