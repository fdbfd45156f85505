"""A sensor is heard and cannot be read, or must not be: nothing of it is believed; that it came is told, and why."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schemas.advertisement import Coordinate, Refusal, RefusalReason
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


def refusal(at: int, offset: int, reason: RefusalReason = "plaintext_refused") -> Refusal:
    return Refusal(SENSOR, T0 + at, Coordinate(0, 0, offset, 0), reason)


def shown(track: Tracker) -> list[Latest]:
    return [decode_latest(output.value or b"") for output in track.written if output.topic == LATEST.name]


def fold_frame(packets: Sequence[str], key: bytes | None) -> Tracker:
    """A frame of our script with these packets of ENCRYPTED, through decode and track."""
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
    work = DecodeStage(PLACES, lambda: {} if key is None else {ENCRYPTED: key}).fold([record], {}, 0)
    track = Tracker()
    track.fold([decode_advertisement(o.value or b"") for o in work.outputs if o.topic == ADVERTISEMENTS.name])
    return track


@pytest.mark.parametrize("packets", [(PLAIN, SECRET), (SECRET, PLAIN)])
def test_a_frame_s_good_packet_is_read_on_whichever_side_of_the_refused_one_it_stands(packets: tuple[str, str]) -> None:
    track = fold_frame(packets, KEY)
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


@pytest.mark.parametrize(
    ("packet", "key", "reason"),
    [(PLAIN, KEY, "plaintext_refused"), (SECRET, None, "bindkey_missing"), (SECRET, bytes(16), "mic_mismatch")],
)
def test_a_sensor_of_which_nothing_was_ever_read_is_told_with_why(
    packet: str, key: bytes | None, reason: RefusalReason
) -> None:
    [latest] = shown(fold_frame([packet], key))
    assert (latest.sensor, latest.refused) == (ENCRYPTED, Refused(T0 + 40, 1, reason))
    assert (latest.last_seen, latest.measured_at, latest.gateway, latest.values, latest.readings) == (
        *(None, None, None),
        *({}, 0),
    )


@pytest.mark.parametrize("packet", ["ff00", "45", ""])
def test_bytes_that_are_no_packet_make_no_sensor(packet: str) -> None:
    assert shown(fold_frame([packet], KEY)) == []


def test_a_sensor_that_gets_its_key_is_refused_no_more() -> None:
    track = Tracker()
    track.fold([refusal(0, 0, "bindkey_missing"), refusal(MINUTE, 1, "mic_mismatch")])
    assert shown(track)[-1].refused == Refused(T0 + MINUTE, 1, "mic_mismatch")
    track.fold([heard(2 * MINUTE, offset=2, counter=7)])
    assert shown(track)[-1].refused is None


def test_a_downgrade_is_not_hidden_by_forged_packets() -> None:
    track = Tracker()
    track.fold([refusal(0, 0), refusal(MINUTE, 1, "mic_mismatch"), heard(2 * MINUTE, offset=2, counter=7)])
    assert shown(track)[-1].refused == Refused(T0, 1)


def test_each_reason_is_one_line_of_the_log_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    track = Tracker()
    for minute in range(3):
        track.fold([refusal(minute * MINUTE, minute, "bindkey_missing")])
    track.fold([refusal(3 * MINUTE, 3, "mic_mismatch")])
    said = [record.getMessage() for record in caplog.records]
    assert [line.startswith(SENSOR) for line in said] == [True, True]
    assert "set-key" in said[0]


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
    assert len(msgspec.msgpack.encode(state.refused)) <= 34
    assert load(dump(state)) == state


def test_a_state_of_before_it_is_read_still() -> None:
    fields = [2, 1, {}, [], None, None, 0, {}, {}, None, [None, 0, 0, {}], [0, {}]]
    state = load((1).to_bytes(8, "big") + msgspec.msgpack.encode(fields))
    assert (state.revision, state.refused) == (1, None)
    refuse(state, refusal(0, 0))
    assert load(dump(state)) == state
