"""The fold of one sensor: whatever the order and however often things come again, each packet is one reading."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.advertisement import Advertisement, Coordinate, TimeSource
from streams.deduplicate import MEMORY_MS
from streams.fold import fold, is_folded, latest_of
from streams.sensor_state import SensorState
from streams.state_codec import dump, load

SENSOR = "7c:c6:b6:bd:4c:b5"
MINUTE = 60_000
T0 = 1_759_654_321_000


def heard(
    packet_id: int | None,
    at_ms: int = 0,
    *,
    offset: int = 0,
    partition: int = 0,
    epoch: int = 0,
    gateway: str = "gw-a",
    temperature: float = 22.3,
    time_source: TimeSource = "gateway",
    counter: int | None = None,
) -> Advertisement:
    values = {"battery": 100, "humidity": 63, "temperature": temperature}
    if packet_id is not None:
        values["packet_id"] = packet_id
    return Advertisement(
        SENSOR,
        gateway,
        T0 + at_ms,
        T0 + at_ms + 50,
        time_source,
        values,
        "bluflow",
        Coordinate(epoch, partition, offset, 0),
        rssi=-66,
        counter=counter,
    )


def fold_all(
    advertisements: list[Advertisement], state: SensorState | None = None, watermark: int = 0
) -> tuple[SensorState, list[int]]:
    """The state after all, and when the readings were measured (relative to T0)."""
    state = state or SensorState()
    times = []
    for advertisement in advertisements:
        if not is_folded(state, advertisement):
            reading = fold(state, advertisement, watermark).reading
            times += [reading.measured_at - T0] if reading else []
    return state, times


def test_six_copies_from_two_gateways_are_one_reading_and_all_are_counted() -> None:
    copies = [heard(78, 150 * n, offset=n, gateway="gw-a" if n % 2 else "gw-b") for n in range(6)]
    state, times = fold_all(copies)
    assert times == [0]
    assert {gateway: reception.copies for gateway, reception in state.receptions.items()} == {"gw-a": 3, "gw-b": 3}
    assert state.newest is not None
    assert state.newest.gateway == "gw-b", "the first copy wins"


def test_a_copy_is_dropped_from_its_own_gateway_and_merged_from_another() -> None:
    state = SensorState()
    gateways = ["gw-a", "gw-a", "gw-b", "gw-b", "gw-a"]
    copies = [heard(78, 150 * n, offset=n, gateway=gateway) for n, gateway in enumerate(gateways)]
    assert [fold(state, copy).outcome for copy in copies] == ["accept", "drop", "merge", "drop", "drop"]


def test_the_same_id_after_a_full_turn_is_a_new_packet() -> None:
    assert fold_all([heard(78, 0, offset=0), heard(78, 256 * MINUTE, offset=1)])[1] == [0, 256 * MINUTE]


def test_a_lower_id_is_never_a_reason_to_drop() -> None:
    assert len(fold_all([heard(200, 0, offset=0), heard(3, MINUTE, offset=1)])[1]) == 2


def test_the_same_id_with_other_values_is_another_packet() -> None:
    assert len(fold_all([heard(1, 0, offset=0), heard(1, 1_000, offset=1, temperature=5.0)])[1]) == 2


def test_without_a_packet_id_the_next_beacon_may_say_the_same() -> None:
    heard_at = [0, 150, 300, MINUTE, MINUTE + 150]
    assert fold_all([heard(None, at, offset=n) for n, at in enumerate(heard_at)])[1] == [0, MINUTE]


def test_equal_counters_are_copies_whatever_the_packet_id() -> None:
    assert len(fold_all([heard(1, 0, offset=0, counter=9), heard(1, 100, offset=1, counter=9)])[1]) == 1


def test_a_copy_that_waited_ten_minutes_in_a_gateway_is_still_a_copy() -> None:
    live = [heard(n, n * MINUTE, offset=n) for n in range(11)]
    late = heard(0, 300, offset=0, partition=1, gateway="gw-b")
    assert len(fold_all([*live, late])[1]) == 11


def test_a_copy_from_a_partition_that_lags_by_hours_is_still_a_copy() -> None:
    live = [heard(n, n * MINUTE, offset=n) for n in range(200)]
    lagging = heard(0, 300, offset=0, partition=1, gateway="gw-b")
    assert len(fold_all([*live, lagging], watermark=T0)[1]) == 200


def test_packets_are_forgotten_once_the_watermark_has_passed_them() -> None:
    state, _ = fold_all([heard(n, n * MINUTE, offset=n) for n in range(60)], watermark=T0 + 59 * MINUTE)
    assert state.packets.packet_id == list(range(59 - MEMORY_MS // MINUTE, 60))


def test_a_watermark_from_a_clock_that_ran_ahead_forgets_nothing_that_has_just_come() -> None:
    copies = [heard(n // 3, n // 3 * MINUTE + n % 3, offset=n) for n in range(30)]
    assert len(fold_all(copies, watermark=T0 + 1_440 * MINUTE)[1]) == 10


def test_a_state_that_begins_anew_is_above_what_readers_hold() -> None:
    old, _ = fold_all([heard(n, n * MINUTE, offset=n) for n in range(50)])
    new, _ = fold_all([heard(51, 51 * MINUTE, offset=51)])
    assert new.revision > old.revision


def test_two_packets_of_one_millisecond_get_times_of_their_own() -> None:
    assert fold_all([heard(1, 0, offset=0), heard(2, 0, offset=1), heard(3, 0, offset=2)])[1] == [0, 1, 2]


def test_latest_goes_by_measured_time_and_late_data_never_looks_fresh() -> None:
    state, _ = fold_all([heard(2, MINUTE, offset=0, temperature=20.0), heard(1, 0, offset=1, temperature=10.0)])
    latest = latest_of(SENSOR, state)
    assert (latest.measured_at, latest.last_seen) == (T0 + MINUTE, T0 + MINUTE)
    assert latest.values["temperature"].value == 20.0
    assert latest.readings == 2


def test_a_reading_of_unknown_time_displaces_nothing() -> None:
    live, queued = heard(1, 0, offset=0), heard(2, MINUTE, offset=1, time_source="unknown", temperature=1.0)
    state, times = fold_all([live, queued])
    assert len(times) == 2
    assert state.newest is not None
    assert state.newest.packet_id == 1
    assert state.last_seen == T0
    assert state.values["temperature"].value == 22.3


def test_a_new_epoch_is_not_fenced_by_the_old_one() -> None:
    assert len(fold_all([heard(1, 0, offset=900), heard(2, MINUTE, offset=5, epoch=1)])[1]) == 2


def test_a_redelivery_changes_nothing() -> None:
    log = [heard(n, n * MINUTE, offset=n) for n in range(5)]
    once, times = fold_all(log)
    before = dump(once)
    again, more = fold_all(log, once)
    assert (dump(again), more) == (before, [])
    assert len(times) == 5


def test_latest_of_a_sensor_that_said_nothing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="said nothing"):
        latest_of(SENSOR, SensorState())


packets = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 5_000), st.sampled_from(["gw-a", "gw-b", "gw-c"]), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)


@given(packets, st.data())
def test_any_redelivery_gives_the_same_state_and_readings(
    heard_packets: list[tuple[int, int, str, int]], data: st.DataObject
) -> None:
    """The log of one advertisements partition, with stretches of it delivered again from any earlier place."""
    offsets = Counter[int]()
    log = []
    for packet_id, jitter, gateway, partition in heard_packets:
        log.append(
            heard(
                packet_id, packet_id * MINUTE + jitter, offset=offsets[partition], partition=partition, gateway=gateway
            )
        )
        offsets[partition] += 1
    state, times = fold_all(log)
    assert len(times) == len({packet_id for packet_id, *_ in heard_packets}) == state.readings
    assert len(set(times)) == len(times)
    cut = data.draw(st.integers(0, len(log)))
    back = data.draw(st.integers(0, cut))
    redelivered, first = fold_all(log[:cut])
    redelivered = load(dump(redelivered))
    redelivered, rest = fold_all(log[back:], redelivered)
    assert (dump(redelivered), first + rest) == (dump(state), times)


@given(packets)
def test_a_state_round_trips_byte_for_byte(heard_packets: list[tuple[int, int, str, int]]) -> None:
    log = [heard(p, p * MINUTE + j, offset=n, gateway=g) for n, (p, j, g, _) in enumerate(heard_packets)]
    stored = dump(fold_all(log)[0])
    assert dump(load(stored)) == stored
