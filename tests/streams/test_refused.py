"""A sensor that has a bind key is heard unencrypted: nothing of it is believed, and that it came is told."""

import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schemas.advertisement import Coordinate, Refusal
from schemas.codec import decode_advertisement, decode_latest
from schemas.frame import Frame
from schemas.reading import Latest, Refused
from schemas.topics import ADVERTISEMENTS, LATEST, RAW_FRAMES, TOPICS
from streams.decode import DecodeStage
from streams.fold import REFUSED_MS, fold, refuse
from streams.places import Places
from streams.sensor_state import SensorState
from streams.state_codec import dump, load
from tests.streams.replay.logs import ENCRYPTED, KEY
from tests.streams.tracking import MINUTE, SENSOR, T0, Tracker, heard

PLACES = Places("", {topic.name: topic.embedded_partitions for topic in TOPICS})
PLAIN, SECRET = "44004e01642e3f45df00", "451aab52a6ba2941ce544bfbd366ce74a710"


def refusal(at: int, offset: int) -> Refusal:
    return Refusal(SENSOR, T0 + at, Coordinate(0, 0, offset, 0))


def shown(track: Tracker) -> list[Latest]:
    return [decode_latest(output.value or b"") for output in track.written if output.topic == LATEST.name]


@pytest.mark.parametrize("packets", [(PLAIN, SECRET), (SECRET, PLAIN)])
def test_a_frame_s_good_packet_is_read_on_whichever_side_of_the_refused_one_it_stands(packets: tuple[str, str]) -> None:
    said = {"v": 1, "seq": 1, "d": [[ENCRYPTED, -66, 0, each] for each in packets]}
    event = {"component": "script:1", "id": 1, "event": "bluflow", "ts": T0 / 1000, "data": said}
    message = {"src": "gw", "dst": "x", "method": "NotifyEvent", "params": {"ts": T0 / 1000, "events": [event]}}
    frame = Frame("gw/events/rpc", json.dumps(message).encode(), T0 + 40)
    record: Any = SimpleNamespace(
        topic=RAW_FRAMES.name,
        partition=0,
        offset=0,
        key=b"gw",
        value=frame.payload,
        headers=frame.headers(),
        timestamp=1,
    )
    work = DecodeStage(PLACES, lambda: {ENCRYPTED: KEY}).fold([record], {}, 0)
    track = Tracker()
    track.fold([decode_advertisement(o.value or b"") for o in work.outputs if o.topic == ADVERTISEMENTS.name])
    assert [reading.counter for reading in track.readings] == [1725168459]
    assert track.states[ENCRYPTED.encode()].refused == Refused(T0 + 40, 1)


def test_it_is_told_with_the_sensor_s_newest_and_is_no_sign_of_life() -> None:
    track = Tracker()
    track.fold([heard(0, offset=0, counter=7)])
    track.fold([refusal(MINUTE, 1), refusal(2 * MINUTE, 2)])
    track.fold([refusal(2 * MINUTE, 2)])  # delivered again
    assert [each.refused for each in shown(track)] == [None, Refused(T0 + MINUTE, 2)]
    before, after = shown(track)
    assert (after.last_seen, after.readings, after.values) == (before.last_seen, 1, before.values)
    assert after.revision > before.revision
    assert len(track.readings) == 1


def test_of_a_sensor_without_a_reading_nothing_can_be_shown_yet() -> None:
    track = Tracker()
    track.fold([refusal(0, 0)])
    assert shown(track) == []
    track.fold([heard(MINUTE, offset=1, counter=7)])
    assert [each.refused for each in shown(track)] == [Refused(T0, 1)]


def test_it_lives_through_a_kill() -> None:
    track = Tracker()
    track.fold([heard(0, offset=0, counter=7), refusal(MINUTE, 1)])
    track.recover()
    track.fold([refusal(2 * MINUTE, 2)])
    assert shown(track)[-1].refused == Refused(T0 + MINUTE, 2)


@pytest.mark.parametrize(
    ("counter", "later", "still"), [(8, REFUSED_MS - 1, True), (8, REFUSED_MS, False), (None, MINUTE, False)]
)
def test_it_ends_a_day_after_or_when_the_key_was_taken_away(counter: int | None, later: int, still: bool) -> None:
    state = SensorState()
    refuse(state, refusal(0, 0))
    assert fold(state, heard(later, offset=1, counter=counter)).reading
    assert (state.refused is not None) is still


def test_however_many_come_it_stays_small() -> None:
    state = SensorState(refused=Refused(T0, 999_999))
    for offset in range(3):
        refuse(state, refusal(0, offset))
    assert state.refused == Refused(T0, 1_000_000)
    assert len(msgspec.msgpack.encode(state.refused)) <= 16
    assert load(dump(state)) == state


def test_a_state_of_before_it_is_read_still() -> None:
    fields = [2, 1, {}, [], None, None, 0, {}, {}, None, [None, 0, 0, {}], [0, {}]]
    state = load((1).to_bytes(8, "big") + msgspec.msgpack.encode(fields))
    assert (state.revision, state.refused) == (1, None)
    refuse(state, refusal(0, 0))
    assert load(dump(state)) == state
