"""How a sensor's state is written: small enough, the same bytes again, and the bytes of older versions are read."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.advertisement import Coordinate
from schemas.aggregate import Aggregate
from schemas.reading import LatestValue
from streams.formats.bthome_table import DECIMALS
from streams.old_states import _decode as decode_old
from streams.properties import NAMES, STEPS
from streams.sensor_state import SensorState
from streams.state_codec import UnknownVersion, dump, load
from streams.windows import LATENESS_MS
from tests.streams.tracking import HOUR, MINUTE, SECOND, SENSOR, T0, Event, Record, Tracker, heard, number, tick, ticks

MIDDLE = 24 * HOUR + 3 * MINUTE
ROOM_BYTES = 16  # of 600, for what was refused
OLD = Path(__file__).parent / "old_states"
GATEWAYS = [
    "shellyplus2pm-b8d61a8b8634",
    "shellyplus2pm-a8032abe54dc",
    "shellypro2-a8032ab8b3f0",
    "shellypro2-7c87ceb4c1d2",
]


def beacons(start: int, end: int) -> list[Event]:
    """A BLU H&T once a minute, each packet in six copies by three gateways; a fourth hears it every half hour.

    Times lie some hundred milliseconds off the minute, as they do. A fourth quantity, for one to come.
    """
    events: list[Event] = []
    for minute in range(start // MINUTE, end // MINUTE):
        values = {
            "packet_id": minute % 256,
            "battery": 87,
            "humidity": 48 + minute * 7 % 5,
            "temperature": (214 + minute * 5 % 9) / 10,
            "dewpoint": (931 + minute * 3 % 7) / 100,
        }
        at = minute * MINUTE + minute * 137 % 613
        for copy in range(6):
            place = 3 if minute % 30 == 4 and copy == 5 else (minute + copy) % 3
            came: dict[str, Any] = {"arrived": at + 90 + 40 * copy, "values": values, "gateway": GATEWAYS[place]}
            events.append((at + 90 + 40 * copy, partial(heard, at + 30 * copy, partition=place, **came)))
    return events


def story(start: int, end: int) -> list[Record]:
    """Those packets, and the ticks of four raw partitions. Offsets are those of a log that is years old."""
    events = beacons(start, end)
    for partition in range(4):
        events += [(at, partial(make, partition=partition)) for at, make in ticks(start, end)]
    return [
        msgspec.structs.replace(each, at=Coordinate(0, each.at.partition, 40_000_000 + start // SECOND + place, 0))
        for place, each in enumerate(number(events))
    ]


def state_of(track: Tracker) -> bytes:
    return track.changelog[SENSOR.encode()]


def test_a_full_state_has_room_for_more_in_600_bytes() -> None:
    """In the evening: windows of a whole day. Of every minute of an hour, for what is held goes up and down."""
    track, sizes, most_open = Tracker(raw_partitions=4), list[int](), 0
    for minute in range(22 * 60, 23 * 60 + 50):
        track.fold(story(minute * MINUTE, (minute + 1) * MINUTE))
        sizes.append(len(state_of(track)))
        most_open = max(most_open, len(load(state_of(track)).windows.open))
    state = load(state_of(track))
    assert len(state.packets) == 25
    assert (len(state.receptions), len(state.silence.hearings), len(state.fences)) == (4, 4, 4)
    assert len(state.packets.numbers) == 4
    assert [len(closed) for closed in state.windows.closed] == [1, 1]
    assert most_open == 5
    assert max(sizes) <= 600 - ROOM_BYTES


def test_it_is_as_small_after_a_backlog_of_a_day() -> None:
    """Everything that it remembers is bounded by what is told of the clock, not by how much comes at once."""
    track = Tracker(raw_partitions=4)
    track.fold(story(0, 24 * HOUR))
    assert len(state_of(track)) <= 600 - ROOM_BYTES


def ahead(track: Tracker) -> dict[bytes, Aggregate]:
    """Windows that were open at `MIDDLE` for version 2: it had no turns, so what waits for one now it had told."""
    told_before = T0 + MIDDLE - LATENESS_MS
    applied = track.applied().items()
    return {key: each for key, each in applied if each.start + each.width * SECOND > told_before}


def finals(track: Tracker) -> dict[bytes, Aggregate]:
    """Without revisions: that version had no ledger, which makes some more."""
    return {key: msgspec.structs.replace(each, revision=0) for key, each in ahead(track).items() if each.final}


def test_a_state_of_the_second_version_goes_on_where_it_was() -> None:
    """Its bytes were written by version 2 in the middle of the story."""
    whole, migrated = Tracker(raw_partitions=4), Tracker(raw_partitions=4)
    first, rest = story(23 * HOUR, MIDDLE), story(MIDDLE, 25 * HOUR)
    whole.fold(first)
    migrated.fold(first)
    migrated.changelog[SENSOR.encode()] = (OLD / "version-2.msgpack").read_bytes()
    migrated.recover()
    for track in (whole, migrated):
        track.written.clear()
        track.fold(rest)
    assert migrated.readings == whole.readings
    assert migrated.transitions == whole.transitions
    assert ahead(migrated).keys() == ahead(whole).keys()
    assert finals(migrated) == finals(whole)
    old, new = load(state_of(migrated)), load(state_of(whole))
    assert (old.values, old.receptions) == (new.values, new.receptions)
    assert old.packets.measured_at == new.packets.measured_at
    assert (old.fences, old.silence) == (new.fences, new.silence)


def test_copies_of_packets_that_version_two_remembered_are_known() -> None:
    state = load((OLD / "version-2.msgpack").read_bytes())
    held = decode_old((OLD / "version-2.msgpack").read_bytes()[8:])
    assert [state.packets[row].values for row in range(len(state.packets))] == [each.values for each in held.packets]
    assert [each.bit_count() for each in state.packets.heard_by] == [len(each.heard_by) for each in held.packets]


def test_reading_old_bytes_changes_them_only_once() -> None:
    stored = (OLD / "version-2.msgpack").read_bytes()
    assert dump(load(dump(load(stored)))) == dump(load(stored)) != stored


def test_a_bluflow_that_knows_version_two_reads_that_this_is_a_later_one() -> None:
    track = Tracker(raw_partitions=4)
    track.fold(story(23 * HOUR, MIDDLE))
    assert decode_old(state_of(track)[8:]).version == 3


def test_a_state_of_a_newer_bluflow_is_refused() -> None:
    newer = bytes(8) + msgspec.msgpack.encode([4, {"not": "known"}])
    with pytest.raises(UnknownVersion, match="state of version 4, this bluflow knows 3: do not go back"):
        load(newer)


def test_the_numbers_and_steps_of_properties_never_change() -> None:
    """States hold them. What BTHome adds goes to the end of this list, and of its table."""
    told = [f"{name}:{STEPS[name]}" for name in NAMES]
    recorded = (OLD / "properties.txt").read_text().split()
    assert told == recorded
    assert dict(zip(NAMES, STEPS.values(), strict=True)) == {name: 10**n for name, n in DECIMALS.items()}


odd_values = st.one_of(
    st.integers(-(1 << 60), 1 << 60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(max_size=5),
    st.lists(st.sampled_from([1, 2.5, 20.25]), min_size=1, max_size=3),
    st.sampled_from([0, 0.0, -0.0, 22.3, 22, 22.35, 1e300, 1013.25]),
)
packets = st.lists(
    st.tuples(
        st.integers(-5 * MINUTE, 20 * MINUTE),
        st.dictionaries(st.sampled_from([*NAMES[:6], "opening", "text", "of another kind"]), odd_values, max_size=4),
        st.sampled_from([*GATEWAYS, "shellypro2-A8032AB8B3F0", "a8032abe54dc", "", "gw\n-1"]),
        st.sampled_from(["bluflow", "native"]),
        st.none() | st.integers(0, 1 << 32),
        st.sampled_from([(), ("implausible:temperature",), ("restored",)]),
        st.sampled_from(["gateway", "arrival", "unknown"]),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(packets, st.integers(0, 40 * MINUTE))
def test_whatever_is_held_is_written_and_read_alike(heard_all: list[Any], end: int) -> None:
    track = Tracker()
    log: list[Record] = []
    for offset, (at, values, gateway, shape, counter, flags, source) in enumerate(heard_all):
        more = {"gateway": gateway, "format": shape, "counter": counter, "flags": flags, "time_source": source}
        log.append(heard(at, offset=offset, values=values, arrived=max(at, 0), **more))
    track.fold([*log, tick(end, offset=len(log))])
    for key, state in track.states.items():
        if isinstance(state, SensorState):
            again = load(track.changelog[key])
            assert dump(again) == track.changelog[key]
            state.windows.due = None  # memory only
            assert msgspec.structs.asdict(again) == msgspec.structs.asdict(state)
            assert [repr(each) for each in again.values.items()] == [repr(each) for each in state.values.items()]


def test_every_kind_of_number_comes_back_as_the_one_it_was() -> None:
    values = {"temperature": 22.0, "humidity": 63, "battery": 90.0, "dewpoint": -0.0, "pressure": 0.0, "co2": 0}
    state = SensorState(values={name: LatestValue(value, 5) for name, value in values.items()})
    assert repr(load(dump(state)).values) == repr(state.values)
