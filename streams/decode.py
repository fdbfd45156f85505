"""Stage 1, raw frames -> advertisements: decodes each frame, forwards ticks, keeps what it cannot decode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.advertisement import Coordinate, Tick
from schemas.codec import encode
from schemas.frame import Frame, tick_time
from schemas.topics import ADVERTISEMENTS
from streams import metrics
from streams.dead_letters import dead_letter
from streams.engine import States, Work
from streams.formats import decode_frame
from streams.log_position import KEY, LogPosition
from streams.places import Places


@dataclass(slots=True)
class DecodeStage:
    """`keys()` gives the bind keys as they are now: sensor id -> 16 bytes."""

    places: Places
    keys: Callable[[], Mapping[str, bytes]]

    def fold(self, records: list[Any], states: States, partition: int) -> Work:
        """Forward one batch of raw records; remembers how far it came."""
        work, keys = Work(), self.keys()
        position = LogPosition.load(states.get(KEY))
        for record in records:
            self._decode(record, position.epoch, keys, work)
        position = LogPosition(position.epoch, records[-1].offset + 1)
        states[KEY] = position
        work.changed[KEY] = position.dump()
        return work

    def next_offset(self, states: States) -> int:
        """How far the recovered state says that the log was read."""
        return LogPosition.load(states.get(KEY)).next_offset

    def begin_epoch(self, states: States, end: int) -> int:
        """The log lost its tail and goes on at `end`: its offsets mean something else from here on."""
        position = LogPosition(LogPosition.load(states.get(KEY)).epoch + 1, end)
        states[KEY] = position
        return position.epoch

    def _decode(self, record: Any, epoch: int, keys: Mapping[str, bytes], work: Work) -> None:
        try:
            ticked_at = tick_time(record.headers)
            if ticked_at is not None:
                self._forward_tick(Tick(ticked_at, Coordinate(epoch, record.partition, record.offset, 0)), work)
                return
            frame = Frame.from_record(record.value, record.headers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # not written by a bridge: whatever its headers are, it must not end the worker again and again
            self._bury(record, "bad_record", repr(error), work)
            return
        decoded = decode_frame(frame, keys, epoch=epoch, partition=record.partition, offset=record.offset)
        metrics.FRAMES.inc()
        for advertisement in decoded.advertisements:
            key = advertisement.sensor.encode()
            work.outputs.append(self.places.output(ADVERTISEMENTS, key, encode(advertisement)))
            metrics.ADVERTISEMENTS.labels(advertisement.format).inc()
        if decoded.rejected:  # the frame's bytes once, however many of its elements are bad
            first, *others = decoded.rejected
            detail = "; ".join([first.detail, *(f"{other.reason} {other.detail}" for other in others)])
            self._bury(record, first.reason, detail, work)

    def _forward_tick(self, tick: Tick, work: Work) -> None:
        work.outputs += self.places.everywhere(ADVERTISEMENTS, b"", encode(tick))

    def _bury(self, record: Any, reason: str, detail: str, work: Work) -> None:
        metrics.DEAD_LETTERS.labels("decode", reason).inc()
        work.outputs.append(dead_letter(self.places, record, "decode", reason, detail))
