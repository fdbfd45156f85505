"""decode and track as pure folds over record batches: routing, ticks, poison, epochs."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schemas.advertisement import Advertisement, Tick
from schemas.codec import decode_advertisement, decode_latest, decode_reading
from schemas.dead_letter import dead_letter_facts
from schemas.frame import Frame, tick_headers
from schemas.topics import ADVERTISEMENTS, DEAD_LETTERS, LATEST, RAW_FRAMES, READINGS, TOPICS
from streams.decode import DecodeStage
from streams.engine import Output, States, Work
from streams.engine.tails import Mark, mark_after
from streams.log_position import KEY, LogPosition
from streams.places import Places
from streams.track import TrackStage
from streams.watermark import KEY as WATERMARK
from streams.watermark import Watermark

PLACES = Places("", {topic.name: topic.embedded_partitions for topic in TOPICS})
PAYLOAD = (
    b'{"src":"shellypro2-a","dst":"x","method":"NotifyEvent","params":{"ts":1759654321.46,"events":[{"component":'
    b'"script:1","id":1,"event":"bluflow","ts":1759654321.46,"data":{"v":1,"seq":1,"d":'
    b'[["7c:c6:b6:bd:4c:b5",-66,120,"44004e01642e3f45df00"],["7c:c6:b6:00:00:01",-70,0,"44004f01642e3f45df00"]]}}]}}'
)


def raw(offset: int, payload: bytes = PAYLOAD, partition: int = 2, **record: Any) -> Any:
    frame = Frame("shellypro2-a/events/rpc", payload, 1_759_654_321_600)
    default = {
        "topic": RAW_FRAMES.name,
        "key": b"shellypro2-a",
        "value": payload,
        "headers": frame.headers(),
        "timestamp": 5,
    }
    return SimpleNamespace(**{**default, "offset": offset, "partition": partition, **record})


def decode(records: list[Any], states: States | None = None) -> Work:
    return DecodeStage(PLACES, dict).fold(records, {} if states is None else states, 2)


def advertisements(work: Work) -> list[Advertisement | Tick]:
    return [decode_advertisement(output.value or b"") for output in sent(work)]


def sent(work: Work) -> list[Output]:
    """What goes to track; gateways' records go elsewhere."""
    return [output for output in work.outputs if output.topic == ADVERTISEMENTS.name]


def test_a_frame_becomes_its_advertisements_with_their_raw_coordinate() -> None:
    work = decode([raw(41)])
    first, second = advertisements(work)
    assert isinstance(first, Advertisement)
    assert (first.sensor, first.gateway, first.measured_at) == ("7c:c6:b6:bd:4c:b5", "shellypro2-a", 1_759_654_321_340)
    assert (first.at.epoch, first.at.partition, first.at.offset, first.at.index) == (0, 2, 41, 0)
    assert (second.at.offset, second.at.index) == (41, 1)
    assert [output.key for output in sent(work)] == [b"7c:c6:b6:bd:4c:b5", b"7c:c6:b6:00:00:01"]


def test_decode_remembers_how_far_the_log_was_forwarded() -> None:
    states: States = {}
    work = decode([raw(41), raw(42)], states)
    position = LogPosition.load(work.changed[KEY])
    assert position == LogPosition(0, 43).after(raw(42)) == states[KEY]
    assert position.mark == mark_after(raw(42)) != mark_after(raw(42, b"{}"))


def test_a_log_that_lost_its_tail_begins_an_epoch() -> None:
    stage, states = DecodeStage(PLACES, dict), {KEY: LogPosition(0, 1_000).dump()}
    assert stage.mark(states) == Mark(1_000)
    assert stage.begin_epoch(states, 990) == 1
    work = stage.fold([raw(990)], states, 2)
    first, _ = advertisements(work)
    assert (first.at.epoch, first.at.offset) == (1, 990)
    assert LogPosition.load(work.changed[KEY]) == LogPosition(1, 991).after(raw(990))


def test_a_position_of_before_the_marks_is_read_still() -> None:
    assert LogPosition.load((7).to_bytes(8, "big")) == LogPosition(0, 7)
    assert LogPosition.load((7).to_bytes(8, "big") + msgspec.msgpack.encode((5, 3))) == LogPosition(0, 7, 5, 3)


def test_a_tick_goes_to_every_partition() -> None:
    tick = raw(7, b"", headers=tick_headers(1_759_654_330_000), key=b"")
    work = decode([tick])
    assert [output.partition for output in work.outputs] == [0, 1, 2, 3]
    assert all(isinstance(found, Tick) and found.time == 1_759_654_330_000 for found in advertisements(work))


def test_what_cannot_be_decoded_is_kept_with_its_bytes_and_its_neighbours_live() -> None:
    work = decode([raw(1), raw(2, b"\xff\xfe"), raw(3)])
    (letter,) = [output for output in work.outputs if output.topic == DEAD_LETTERS.name]
    assert (letter.key, letter.value) == (b"shellypro2-a", b"\xff\xfe")
    assert dead_letter_facts(letter.headers) | {"detail": ""} == {
        "stage": "decode", "reason": "not_utf8", "origin": "raw-frames.v1:2:2", "time": "5", "detail": ""
    }  # fmt: skip
    assert dict(letter.headers)["mqtt-topic"] == b"shellypro2-a/events/rpc"
    assert len(advertisements(work)) == 4


def test_a_record_without_headers_is_a_dead_letter() -> None:
    (letter,) = decode([raw(1, headers=[])]).outputs
    assert dead_letter_facts(letter.headers)["reason"] == "bad_record"


def track(records: list[Any], states: States) -> Work:
    return TrackStage(PLACES).fold(records, states, 0)


def records_of(work: Work) -> list[Any]:
    """decode's outputs as the records that track would read."""
    return [
        SimpleNamespace(
            topic=ADVERTISEMENTS.name, partition=0, offset=n, key=o.key, value=o.value, headers=o.headers, timestamp=9
        )
        for n, o in enumerate(sent(work))
    ]


def test_track_emits_a_reading_a_packet_and_latest_once_a_batch() -> None:
    states: States = {}
    work = track(records_of(decode([raw(1), raw(2)])), states)
    readings = [decode_reading(output.value or b"") for output in work.outputs if output.topic == READINGS.name]
    latest = [decode_latest(output.value or b"") for output in work.outputs if output.topic == LATEST.name]
    assert {(reading.sensor, reading.packet_id) for reading in readings} == {
        ("7c:c6:b6:bd:4c:b5", 78),
        ("7c:c6:b6:00:00:01", 79),
    }
    assert readings[0].values == {"battery": 100, "humidity": 63, "temperature": 22.3}
    assert sorted((entry.sensor, entry.revision) for entry in latest) == [
        ("7c:c6:b6:00:00:01", 1_759_654_321_601),
        ("7c:c6:b6:bd:4c:b5", 1_759_654_321_601),
    ]
    assert set(work.changed) == {b"7c:c6:b6:bd:4c:b5", b"7c:c6:b6:00:00:01"}


def test_track_skips_what_it_has_folded_and_changes_nothing() -> None:
    states: States = {}
    batch = records_of(decode([raw(1)]))
    track(batch, states)
    again = track(batch, states)
    assert (again.outputs, again.changed) == ([], {})


def test_track_buries_what_is_no_advertisement() -> None:
    poison = SimpleNamespace(
        topic=ADVERTISEMENTS.name, partition=0, offset=3, key=b"k", value=b"{", headers=[], timestamp=1
    )
    (letter,) = track([poison], {}).outputs
    assert (letter.topic, letter.value) == (DEAD_LETTERS.name, b"{")
    assert dead_letter_facts(letter.headers)["reason"] == "undecodable"


GOOD = {"kind": "advertisement", "sensor": "7c:c6:b6:bd:4c:b5", "gateway": "g", "measured_at": 1, "received_at": 1,
        "time_source": "gateway", "values": {"humidity": 1}, "format": "f", "at": [0, 0, 0, 0]}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"dimmer": {"steps": 1 << 70}}},  # no state can hold it
        {"values": {"text": "x" * 2_000}},  # 512 of them would be more than a broker takes
        {"measured_at": 10**30},
        {"received_at": -1},
        {"at": [0, 0, 1 << 60, 0]},
        {"sensor": "watermark"},
    ],
)
def test_an_advertisement_that_no_state_can_hold_is_a_dead_letter_not_the_end(change: dict[str, Any]) -> None:
    def record(fields: dict[str, Any]) -> Any:
        value = msgspec.json.encode(fields)
        return SimpleNamespace(
            topic=ADVERTISEMENTS.name, partition=0, offset=3, key=b"k", value=value, headers=[], timestamp=1
        )

    assert {output.topic for output in track([record(GOOD)], {}).outputs} == {READINGS.name, LATEST.name}
    (letter,) = track([record({**GOOD, **change})], {}).outputs
    assert letter.topic == DEAD_LETTERS.name


@pytest.mark.parametrize("value", [b"\xff", b"[" * 5_000, b"null", b"{}"])
def test_bytes_that_are_no_advertisement_are_a_dead_letter(value: bytes) -> None:
    record = SimpleNamespace(
        topic=ADVERTISEMENTS.name, partition=0, offset=3, key=b"k", value=value, headers=[], timestamp=1
    )
    assert [output.topic for output in track([record], {}).outputs] == [DEAD_LETTERS.name]


@pytest.mark.parametrize(
    "headers",
    [[("tick", b"1")], [("mqtt-topic", None), ("received-at", b"1")], [("mqtt-topic", b"\xff"), ("received-at", b"1")]],
)
def test_a_record_that_no_bridge_wrote_is_a_dead_letter(headers: list[tuple[str, Any]]) -> None:
    (letter,) = decode([raw(1, headers=headers)]).outputs
    assert dead_letter_facts(letter.headers)["reason"] == "bad_record"


def test_what_came_back_from_the_archive_is_flagged() -> None:
    headers = [*Frame("shellypro2-a/events/rpc", PAYLOAD, 1_759_654_321_600).headers(), ("archived", b"1")]
    assert [found.flags for found in advertisements(decode([raw(1, headers=headers)]))] == [("restored",)] * 2  # type: ignore[union-attr]


def test_a_dimmer_of_a_script_holds_bytes_only() -> None:
    data = {"address": "7c:c6:b6:bd:4c:b5", "pid": 1, "dimmer": 2**70, "dimmersteps": 1}
    event = {"component": "script:1", "event": "shelly-blu", "data": data, "ts": 1}
    work = decode([raw(1, msgspec.json.encode({**HOSTILE, "src": "g", "params": {"ts": 1, "events": [event]}}))])
    (found,) = advertisements(work)
    assert isinstance(found, Advertisement)
    assert found.values == {"packet_id": 1}
    assert found.flags == ("time_untrusted", "partial")


def test_ticks_move_the_watermark_and_nothing_else() -> None:
    tick = raw(7, b"", headers=tick_headers(1_759_654_330_000), key=b"")
    work = track(records_of(decode([tick])), {})
    assert (work.outputs, list(work.changed)) == ([], [WATERMARK])
    assert Watermark.load(work.changed[WATERMARK], 1).time == 1_759_654_330_000


HOSTILE = {
    "src": "g" * 301,
    "method": "NotifyEvent",
    "params": {"ts": 1, "events": []},
}


def test_names_and_packets_that_would_swell_every_state_are_refused() -> None:
    """A record larger than the broker takes would end the worker again and again."""
    mac = "7c:c6:b6:bd:4c:b5"
    hexes = ["44" + "0001" * 200, "44" + "0001" * 100]
    event = {
        "component": "script:1",
        "event": "bluflow",
        "data": {"v": 1, "d": [[mac, -1, 0, h] for h in hexes]},
        "ts": 1,
    }
    long_name = decode([raw(1, msgspec.json.encode(HOSTILE))])
    assert [dead_letter_facts(letter.headers)["reason"] for letter in long_name.outputs] == ["bad_envelope"]
    packets = decode([raw(1, msgspec.json.encode({**HOSTILE, "src": "g", "params": {"ts": 1, "events": [event]}}))])
    assert [dead_letter_facts(o.headers)["reason"] for o in packets.outputs if o.topic == DEAD_LETTERS.name] == [
        "bad_event"
    ]
    work = track(records_of(packets)[:1], {})
    reading, latest = (output.value for output in work.outputs)
    assert decode_reading(reading or b"").packet_id == 1
    assert decode_latest(latest or b"").packet_id == 1
