"""Parts of native components joined to one advertisement a packet."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.advertisement import Advertisement, Tick
from schemas.codec import decode_advertisement
from schemas.topics import ADVERTISEMENTS
from streams.decode import DecodeStage
from streams.engine import Output, States, Work
from streams.gateways.state import KEY_PREFIX, dump, load
from streams.log_position import KEY
from tests.streams.gateways.test_gateways import NOW, PLACES, SENSOR, notify, record, tick

TS = NOW // 1000
VALUES = {"battery": 100, "humidity": 63, "temperature": 22.0}
COMPONENTS = [
    {"key": "bthomedevice:200", "config": {"addr": SENSOR}, "attrs": {"model_id": 3}},
    *(
        {"key": f"bthomesensor:{201 + n}", "config": {"addr": SENSOR, "obj_id": obj_id, "idx": 0}}
        for n, obj_id in enumerate((1, 46, 69))
    ),
]


def page(offset: int, at: int, first: int = 0, last: int = 4) -> Any:
    result = {"components": COMPONENTS[first:last], "cfg_rev": 7, "offset": first, "total": 4}
    return record(offset, "bluflow/gw/rpc", {"id": 1, "src": "shellypro2-a", "dst": "bluflow/gw", "result": result}, at)


def device(ts: int, **said: Any) -> dict[str, Any]:
    return {"bthomedevice:200": {"id": 200, "last_updated_ts": ts, **said}}


def sensors(ts: int, **values: Any) -> dict[str, Any]:
    ids = {"battery": 201, "humidity": 202, "temperature": 203}
    return {f"bthomesensor:{ids[name]}": {"last_updated_ts": ts, "value": value} for name, value in values.items()}


ALL = {"battery": 100, "humidity": 63, "temperature": 22}
PACKET = {"rssi": -66, "packet_id": 78, "battery": 100}


def run(records: list[Any], states: States | None = None) -> Work:
    return DecodeStage(PLACES, dict).fold(records, {} if states is None else states, 1)


def heard(work: Work) -> list[Advertisement]:
    read = [decode_advertisement(output.value or b"") for output in work.outputs if output.topic == ADVERTISEMENTS.name]
    return [each for each in read if isinstance(each, Advertisement)]


def test_a_whole_packet_goes_on_at_once_with_the_values_that_its_bytes_would_give() -> None:
    work = run([page(1, NOW - 9), notify(2, NOW + 400, **device(TS, **PACKET), **sensors(TS, **ALL))])
    (found,) = heard(work)
    assert found.values == {"packet_id": 78, **VALUES}
    assert isinstance(found.values["temperature"], float)
    assert (found.sensor, found.gateway, found.format, found.rssi) == (SENSOR, "shellypro2-a", "native", -66)
    assert (found.measured_at, found.received_at, found.time_source) == (TS * 1000, NOW + 400, "gateway")
    assert (found.at.offset, found.at.index, found.model_id) == (2, 0, 3)


def test_parts_in_frames_of_their_own_are_one_packet() -> None:
    frames = [
        page(1, NOW),
        notify(2, NOW + 10, **sensors(TS, temperature=22)),
        notify(3, NOW + 20, **device(TS, **PACKET)),
        record(4, "gw/status/bthomesensor:201", {"id": 201, "value": 100, "last_updated_ts": TS}, NOW + 30),
        notify(5, NOW + 40, **sensors(TS, humidity=63)),
    ]
    (found,) = heard(run(frames))
    assert (found.values, found.at.offset) == ({"packet_id": 78, **VALUES}, 5)


def test_the_status_topic_says_the_same_again_and_nothing_comes_of_it() -> None:
    states: States = {}
    run([page(1, NOW), notify(2, NOW, **device(TS, **PACKET), **sensors(TS, **ALL))], states)
    again = [
        record(3, "gw/status/bthomesensor:203", {"id": 203, "value": 22, "last_updated_ts": TS}, NOW + 5),
        record(4, "gw/status/bthomedevice:200", {"id": 200, **PACKET, "last_updated_ts": TS}, NOW + 6),
        notify(5, NOW + 5_000),
    ]
    assert heard(run(again, states)) == []


def test_a_state_is_stored_byte_for_byte_whether_a_value_is_whole_or_not() -> None:
    """JSON says 22 where 22.0 is meant; read back, it must not become another."""
    work = run([notify(1, NOW, **sensors(TS, battery=100, humidity=63.5, temperature=22))])
    stored = work.changed[KEY_PREFIX + b"gw"]
    assert stored is not None
    assert dump(load(stored, b"gw")) == stored


@pytest.mark.parametrize("later", [notify(3, NOW + 2_000), tick(3, NOW + 30_000)])
def test_a_packet_that_stays_incomplete_waits_two_seconds_of_the_streams_clock(later: Any) -> None:
    begin = [page(1, NOW - 9), notify(2, NOW, **sensors(TS, temperature=22))]
    assert heard(run([*begin, notify(3, NOW + 1_999)])) == []
    (found,) = heard(run([*begin, later]))
    assert (found.values, found.at.offset, found.measured_at) == ({"temperature": 22.0}, 3, TS * 1000)


def test_a_newer_packet_ends_the_wait_and_a_value_that_stayed_is_overlaid() -> None:
    states: States = {}
    run([page(1, NOW), notify(2, NOW, **device(TS, **PACKET), **sensors(TS, **ALL))], states)
    stayed = {"bthomesensor:203": {"last_updated_ts": TS + 60}}
    moved = sensors(TS + 120, temperature=23.5)
    first, second = heard(
        run(
            [notify(3, NOW + 60_000, **stayed), notify(4, NOW + 60_500, **moved), tick(5, NOW + 70_000)],
            states,
        )
    )
    assert (first.values, first.measured_at) == ({"temperature": 22.0}, (TS + 60) * 1000)
    assert (second.values, second.measured_at) == ({"temperature": 23.5}, (TS + 120) * 1000)


def test_what_could_not_be_decrypted_makes_no_reading() -> None:
    work = run([page(1, NOW), notify(2, NOW, **device(TS, rssi=-66, errors=["decrypt_failed"])), tick(3, NOW + 9_000)])
    assert heard(work) == []


@pytest.mark.parametrize(("age", "expected"), [(9 * 60_000, 1), (11 * 60_000, 0)])
def test_values_wait_ten_minutes_for_the_map(age: int, expected: int) -> None:
    work = run([notify(1, NOW, **sensors(TS, temperature=22)), page(2, NOW + age)])
    assert [each.values for each in heard(work)] == [{"temperature": 22.0}] * expected
    if expected:
        assert heard(work)[0].measured_at == TS * 1000


def test_only_a_full_set_of_pages_makes_the_map() -> None:
    said = notify(9, NOW + 50, **sensors(TS, temperature=22))
    states: States = {}
    run([page(1, NOW, 0, 2), page(2, NOW, 3, 4), said], states)
    assert heard(run([tick(10, NOW + 9_000)], states)) == []
    (found,) = heard(run([page(11, NOW + 10_000, 0, 2), page(12, NOW + 10_001, 2, 4)], states))
    assert found.values == {"temperature": 22.0}


def test_a_button_and_a_map_of_values_come_as_events() -> None:
    slots = {"1": [{"value": 100, "last_updated_ts": TS}], "69": [{"value": 22, "last_updated_ts": TS}]}
    events = [
        {"component": "bthomedevice:200", "event": "sensor_update", "sensors": slots, "ts": TS},
        {"component": "bthomedevice:200", "event": "single_push", "idx": 0, "ts": TS},
    ]
    frame = {"src": "shellypro2-a", "method": "NotifyEvent", "params": {"ts": TS, "events": events}}
    work = run([page(1, NOW), record(2, "gw/events/rpc", frame, NOW), tick(3, NOW + 9_000)])
    (found,) = heard(work)
    assert found.values == {"battery": 100, "temperature": 22.0, "button": {"event": "press", "raw": 1}}


@given(st.permutations(["battery", "humidity", "temperature", "device"]), st.sets(st.integers(1, 9)))
def test_any_order_of_parts_and_any_batches_make_the_same_packet(order: list[str], ends: set[int]) -> None:
    parts = [device(TS, **PACKET) if name == "device" else sensors(TS, **{name: ALL[name]}) for name in order]
    records = [
        page(1, NOW),
        *(notify(2 + n, NOW + n, **part) for n, part in enumerate(parts)),
        *(notify(6 + n, NOW + 4 + n, **part) for n, part in enumerate(parts)),  # delivered twice
        tick(10, NOW + 9_000),
    ]
    states: States = {}
    outputs: list[Output] = []
    for begin, end in zip([0, *sorted(ends)], [*sorted(ends), len(records)], strict=True):
        work = run(records[begin:end], states)
        outputs += work.outputs
        states = {**states, **work.changed}
    assert outputs == run(records).outputs
    (found,) = heard(Work(outputs))
    assert found.values == {"packet_id": 78, **VALUES}
    assert isinstance(decode_advertisement(outputs[-1].value or b""), Tick)
    assert KEY in states
