"""Gateways folded in decode: life, clock, restarts, silence, and the same answers wherever a batch ends."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.advertisement import Advertisement, CounterReset, Tick
from schemas.codec import decode_advertisement, decode_gateway
from schemas.frame import Frame, frame_key, tick_headers
from schemas.gateway import GatewayChange, GatewayState
from schemas.topics import ADVERTISEMENTS, GATEWAYS, RAW_FRAMES, TOPICS
from streams.decode import DecodeStage
from streams.engine import Output, States, Work
from streams.gateways.skew import Skew
from streams.gateways.state import KEY_PREFIX, GatewayMemory, UnknownVersion, dump, load
from streams.places import Places

PLACES = Places("", {topic.name: topic.embedded_partitions for topic in TOPICS})
NOW = 1_759_654_321_000
DAY = 86_400_000
SENSOR = "7c:c6:b6:bd:4c:b5"
MAX_KAFKA_TIME = 2**63 - 1


def record(offset: int, topic: str, payload: object, at: int, **how: Any) -> Any:
    value = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return SimpleNamespace(
        topic=RAW_FRAMES.name,
        partition=1,
        offset=offset,
        key=frame_key(topic),
        value=value,
        headers=Frame(topic, value, at, **how).headers(),
        timestamp=min(at, MAX_KAFKA_TIME),
    )


def notify(offset: int, at: int, **params: Any) -> Any:
    frame = {"src": "shellypro2-a", "method": "NotifyStatus", "params": {"ts": at / 1000, **params}}
    return record(offset, "gw/events/rpc", frame, at)


def beacon(offset: int, at: int, ts: float, pid: int, src: str = "shellypro2-a") -> Any:
    data = {"v": 1, "seq": pid, "d": [[SENSOR, -66, 0, f"4400{pid:02x}01642e3f45df00"]]}
    event = {"component": "script:1", "event": "bluflow", "data": data, "ts": ts}
    frame = {"src": src, "method": "NotifyEvent", "params": {"ts": ts, "events": [event]}}
    return record(offset, "gw/events/rpc", frame, at)


def tick(offset: int, at: int) -> Any:
    return SimpleNamespace(
        topic=RAW_FRAMES.name,
        partition=1,
        offset=offset,
        key=b"",
        value=b"",
        headers=tick_headers(at),
        timestamp=min(at, MAX_KAFKA_TIME),
    )


def run(records: list[Any], states: States | None = None) -> Work:
    return DecodeStage(PLACES, dict).fold(records, {} if states is None else states, 1)


def gateways(work: Work) -> list[GatewayState]:
    return [decode_gateway(output.value or b"") for output in work.outputs if output.topic == GATEWAYS.name]


def sent(work: Work) -> list[Advertisement | Tick | CounterReset]:
    return [decode_advertisement(output.value or b"") for output in work.outputs if output.topic == ADVERTISEMENTS.name]


def heard(work: Work) -> list[Advertisement]:
    return [each for each in sent(work) if isinstance(each, Advertisement)]


def changes(work: Work) -> list[GatewayChange]:
    """What ticks told, once though a tick goes to every partition."""
    ticks = {each.time: each.gateways for each in sent(work) if isinstance(each, Tick)}
    return [change for time in sorted(ticks) for change in ticks[time]]


@pytest.mark.parametrize("ahead", [-DAY, -3_600_000, 3_600_000, DAY])
def test_a_clock_that_is_off_is_learned_and_corrected(ahead: int) -> None:
    times = [NOW + 10_000 * n for n in range(8)]
    work = run([beacon(n, at, (at + ahead) / 1000, n) for n, at in enumerate(times)])
    first, *_, last = heard(work)
    assert (first.measured_at, first.time_source, first.flags) == (NOW, "arrival", ("time_untrusted",))
    assert (last.measured_at, last.time_source, last.flags) == (times[-1], "gateway", ())
    assert gateways(work)[-1].skew_ms == ahead


def test_a_good_clock_keeps_its_exact_time() -> None:
    work = run([beacon(n, NOW + 10_000 * n + 400, (NOW + 10_000 * n) / 1000, n) for n in range(8)])
    assert [each.measured_at for each in heard(work)] == [NOW + 10_000 * n for n in range(8)]


def test_a_clock_that_is_set_right_is_followed_after_a_few_frames() -> None:
    skew = Skew()
    for n in range(10):
        skew.saw(NOW + 10_000 * n + DAY, NOW + 10_000 * n)
    assert skew.correction == DAY
    for n in range(10, 15):
        skew.saw(NOW + 10_000 * n, NOW + 10_000 * n)
    assert (skew.known, skew.correction) == (0, 0)


@pytest.mark.parametrize("ahead", [-DAY, -3_600_000, 3_600_000, DAY])
def test_no_packet_is_misdated_while_a_clock_is_wrong_and_set_right(ahead: int) -> None:
    times = [NOW + 10_000 * n for n in range(30)]
    wrong = [ahead if 10 <= n < 20 else 0 for n in range(30)]
    work = run([beacon(n, at + 300, (at + wrong[n]) / 1000, n) for n, at in enumerate(times)])
    assert all(0 <= each.received_at - each.measured_at <= 300 for each in heard(work))
    assert [each.time_source for each in heard(work)].count("arrival") == 10, "five to learn it, five to unlearn it"


def test_what_a_gateway_had_kept_and_sends_at_once_says_nothing_of_its_clock() -> None:
    skew = Skew()
    for n in range(20):
        skew.saw(NOW - 3_600_000 + 500 * n, NOW + n)
    assert skew.known is None


def test_latency_makes_no_skew() -> None:
    skew = Skew()
    for n, latency in enumerate([100, 3_000, 250, 900, 4_000, 120, 700]):
        skew.saw(NOW + 10_000 * n, NOW + 10_000 * n + latency)
    assert skew.known == -100


def silent_story() -> list[Any]:
    """It speaks, falls silent for four minutes, and speaks again."""
    ticks = [tick(10 + n, NOW + 30_000 * n) for n in range(9)]
    return [tick(0, NOW - 20_000), notify(1, NOW - 1_000), *ticks, notify(30, NOW + 250_000), tick(31, NOW + 270_000)]


def test_a_gateway_falls_silent_and_speaks_again() -> None:
    work = run(silent_story())
    assert changes(work) == [
        GatewayChange("shellypro2-a", True, NOW - 1_000),
        GatewayChange("shellypro2-a", False, NOW + 250_000),
    ]
    states = gateways(work)
    assert [state.silent_since for state in states] == [None, NOW - 1_000, None, None]
    assert [state.revision for state in states] == sorted({state.revision for state in states})
    assert (states[-1].gateway, states[-1].prefix, states[-1].last_frame) == ("shellypro2-a", "gw", NOW + 250_000)


def test_nobody_is_silent_while_nobody_listened() -> None:
    back = NOW + 2 * 3_600_000
    states: States = {}
    run([tick(0, NOW - 30_000), notify(1, NOW), tick(2, NOW)], states)
    assert changes(run([tick(3, back), tick(4, back + 60_000)], states)) == []
    assert changes(run([tick(5, back + 90_000), tick(6, back + 121_000)], states)) == [
        GatewayChange("shellypro2-a", True, NOW)
    ]


def test_queued_frames_stored_states_and_last_wills_are_no_sign_of_life() -> None:
    states: States = {}
    run([notify(1, NOW)], states)
    later = NOW + 60_000
    work = run(
        [
            record(2, "gw/online", b"false", later),
            record(3, "gw/online", b"true", later, retain=True),
            record(4, "gw/status/sys", {"uptime": 5}, later, queued=True),
        ],
        states,
    )
    assert [(state.online, state.last_frame) for state in gateways(work)] == [(False, NOW), (True, NOW)]
    own = {"src": "shellypro2-a", "method": "NotifyStatus", "params": {"ts": (NOW + 30_000) / 1000}}
    run([record(5, "gw/events/rpc", own, later, queued=True)], states)
    assert load(states[KEY_PREFIX + b"gw"], b"gw").last_frame == NOW + 30_000


def test_a_restart_is_an_uptime_that_went_down() -> None:
    def beat(up: int) -> dict[str, Any]:
        return {"component": "script:1", "event": "bluflow", "ts": 1, "data": {"v": 1, "hb": {"up": up}}}

    def frame(offset: int, at: int, up: int) -> Any:
        value = {"src": "shellypro2-a", "method": "NotifyEvent", "params": {"ts": at / 1000, "events": [beat(up)]}}
        return record(offset, "gw/events/rpc", value, at)

    work = run(
        [
            notify(1, NOW, sys={"uptime": 5_000}),
            frame(2, NOW + 1_000, 4_995),  # the script's word of the same boot
            notify(3, NOW + 60_000, sys={"uptime": 10}),
            frame(4, NOW + 61_000, 8),
            frame(5, NOW + 121_000, 71),
        ]
    )
    last = gateways(work)[-1]
    assert (last.reboots, last.booted_at) == (1, NOW + 50_000)
    assert last.heartbeat is not None
    assert (last.heartbeat.at, last.heartbeat.uptime) == (NOW + 121_000, 71)


def test_stopped_scripts_and_alarms_come_and_go() -> None:
    bad = {"script:1": {"running": False, "errors": ["out_of_memory"]}, "bthomedevice:200": {"errors": ["x_failed"]}}
    good = {"script:1": {"running": True}, "bthomedevice:200": {"errors": None}}
    first, second = gateways(run([notify(1, NOW, **bad), notify(2, NOW + 1, **good)]))
    assert (first.stopped_scripts, first.alarms) == ({"script:1": "out_of_memory"}, {"bthomedevice:200": "x_failed"})
    assert (second.stopped_scripts, second.alarms) == ({}, {})


def test_frames_that_come_back_say_nothing_of_how_the_gateway_is_now() -> None:
    """Dead frames of days ago, when its clock was a day ahead and a script of it had stopped, are redriven."""

    def came_back(dead: Any) -> Any:
        dead.headers.append(("archived", b"1"))
        return dead

    live = [beacon(n, NOW + 10_000 * n, NOW / 1000 + 10 * n, n) for n in range(8)]
    then = NOW - 3 * DAY
    dead = [beacon(10 + n, then + 10_000 * n, (then + DAY) / 1000 + 10 * n, 100 + n) for n in range(8)]
    dead.append(notify(20, then + 90_000, **{"script:1": {"running": False}}))
    states: States = {}
    run(live, states)
    before = load(states[KEY_PREFIX + b"gw"], b"gw").skew.known
    assert [each.values["packet_id"] for each in heard(run([came_back(each) for each in dead], states))] == list(
        range(100, 108)
    )
    held = load(states[KEY_PREFIX + b"gw"], b"gw")
    assert (held.skew.known, held.stopped_scripts, held.last_frame) == (before, {}, NOW + 70_000)


def test_another_device_under_the_prefix_is_flagged() -> None:
    work = run([beacon(1, NOW, NOW / 1000, 1), beacon(2, NOW + 1, NOW / 1000, 2, "shellypro2-b")])
    assert [(each.gateway, each.flags) for each in heard(work)] == [
        ("shellypro2-a", ()),
        ("shellypro2-a", ("identity_changed",)),
    ]
    assert gateways(work)[-1].flags == ("identity_changed",)


def test_a_heard_gateway_is_written_once_a_tick_and_not_with_every_frame() -> None:
    records = [notify(n, NOW + 100 * n) for n in range(1, 50)]
    work = run([*records, tick(60, NOW + 30_000), tick(61, NOW + 60_000)])
    # at its first frame, when its clock was learned, and at the tick
    assert [state.frames for state in gateways(work)] == [1, 41, 49]


def test_a_frame_that_came_again_is_not_folded_twice() -> None:
    states: States = {}
    run([beacon(1, NOW, NOW / 1000, 1), beacon(2, NOW, NOW / 1000, 2)], states)
    again = run([beacon(2, NOW, NOW / 1000, 2), beacon(3, NOW, NOW / 1000, 3)], states)
    assert [each.values["packet_id"] for each in heard(again)] == [3]
    assert load(states[KEY_PREFIX + b"gw"], b"gw").frames == 3


def test_an_operators_reset_goes_to_the_sensor_and_makes_no_gateway() -> None:
    states: States = {}
    work = run([record(1, f"bluflow/reset-counter/{SENSOR}", b"", NOW, operator=True)], states)
    assert [type(each) for each in sent(work)] == [CounterReset]
    assert list(states) == [b"raw"]


def test_scripts_with_topics_of_their_own_are_no_gateways() -> None:
    states: States = {}
    run([record(1, SENSOR, {"addr": SENSOR, "service_data": {"temperature": 1.5}}, NOW)], states)
    assert list(states) == [b"raw"]


@pytest.mark.parametrize("received_at", [-1, 1 << 70])
def test_an_arrival_that_no_state_can_hold_is_a_dead_letter(received_at: int) -> None:
    bad = record(1, "gw/online", b"true", received_at)
    assert [output.topic for output in run([bad]).outputs] == ["dead-letters.v1"]
    assert [output.topic for output in run([tick(1, received_at)]).outputs] == ["dead-letters.v1"]


def test_a_state_of_a_newer_bluflow_is_refused() -> None:
    with pytest.raises(UnknownVersion):
        load(dump(GatewayMemory(version=99)), b"")


@given(st.sets(st.integers(1, 12)))
def test_outputs_are_the_same_wherever_batches_end_and_states_are_read_back(ends: set[int]) -> None:
    records, whole = silent_story(), run(silent_story())
    states: States = {}
    outputs: list[Output] = []
    for begin, end in zip([0, *sorted(ends)], [*sorted(ends), len(records)], strict=True):
        if begin < end:
            work = run(records[begin:end], states)
            outputs += work.outputs
            states = {**states, **work.changed}
    assert outputs == whole.outputs
    for key, value in states.items():
        if key.startswith(KEY_PREFIX):
            assert dump(load(value, b"")) == value
