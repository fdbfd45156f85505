"""The load of the end-to-end part: what it publishes, and how its latencies are judged."""

import time
from functools import partial
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.bench import Bench
from benchmarks.brokers import mosquitto
from benchmarks.end_to_end.figures import Step, percentiles, usage
from benchmarks.end_to_end.lived import ROUNDS, lived
from benchmarks.end_to_end.load import Sent, play
from benchmarks.end_to_end.plan import Plan
from benchmarks.figures import percentile
from benchmarks.pipeline import Cost
from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from schemas.frame import Frame
from shelly.world.air import Heard
from shelly.world.beacon import Beacon, service_data
from shelly.world.shapes import SCRIPTS
from streams.fold import fold, is_folded
from streams.formats import decode_frame
from streams.state_codec import load
from tests.polling import until

START = 1_759_622_400.0


def plan(**changes: object) -> Plan:
    return msgspec.structs.replace(Plan(mqtt="127.0.0.1:1", sensors=240, seconds=61, start=START), **changes)


def step(**changes: object) -> Step:
    held = Step(1_000, 17, Sent(100, 100, 0.01, 1.0), [0.1] * 100, [0.2] * 100, 100, 0, 1.0, [])
    return msgspec.structs.replace(held, **changes)


def test_the_load_says_what_a_gateway_would() -> None:
    """Its messages are made by a template, for speed; the one definition is in shelly/."""
    for place in (0, 1, 239, 240, 241):
        sensor, packet_id = plan().who(place)
        data = service_data(packet_id, 90, 40 + place % 240 % 30, (200 + (place % 240 + place // 240) % 50) / 10)
        at = round(plan().due(place) * 100) * 10
        topic, payload = plan().message(place)
        beacon = Beacon(sensor, packet_id, at, {}, data)
        written = SCRIPTS["bluflow"].write(topic.decode().split("/")[0], at, place, [Heard(at, -60, beacon)])
        assert written is not None
        assert topic.decode() == written[0]
        assert msgspec.json.decode(payload) == msgspec.json.decode(written[1])


def test_every_packet_of_the_load_is_a_reading_of_its_own() -> None:
    found = set()
    for place in range(plan().packets):
        topic, payload = plan().message(place)
        frame = Frame(topic.decode(), payload, round(plan().due(place) * 1000) + 30)
        [advertisement] = decode_frame(frame, {}, offset=place).advertisements
        assert abs(advertisement.measured_at - plan().due(place) * 1000) <= 5
        assert (advertisement.sensor, advertisement.values["packet_id"]) == plan().who(place)
        found.add(plan().who(place))
    assert len(found) == plan().packets == 244


def test_each_sensor_speaks_once_a_minute() -> None:
    assert plan().who(0)[0] == plan().who(240)[0]
    assert plan().due(240) - plan().due(0) == pytest.approx(60)
    assert len({plan().who(place)[0] for place in range(240)}) == 240


def test_the_tables_are_those_of_sensors_that_have_spoken_until_the_plan_begins() -> None:
    found = {key.decode(): load(value) for _, key, value in lived(plan())}
    assert len(found) == 240
    for place in (0, 2, 3, 239):
        topic, payload = plan().message(place)
        frame = Frame(topic.decode(), payload, round(plan().due(place) * 1000))
        [advertisement] = decode_frame(frame, {}, offset=place).advertisements
        state = found[advertisement.sensor]
        assert (state.readings, state.silence.freshness) == (ROUNDS, "fresh")
        assert list(state.receptions) == [advertisement.gateway]
        assert state.newest is not None
        assert state.newest.gateway == advertisement.gateway
        assert state.newest.packet_id == 255, "the plan's first is 0"
        assert abs(advertisement.measured_at - state.newest.measured_at - 60_000) < 1_000
        assert all(state.windows.closed)
        assert len(state.windows.open) >= 4
        assert not is_folded(state, advertisement)
        assert fold(state, advertisement).outcome == "accept"
        assert state.ledger.missing == 0


def test_every_message_that_is_due_is_published_and_acknowledged(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as address:
        came: list[bytes] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, "watcher")
        subscribed: list[int] = []
        client.on_subscribe = lambda *_: subscribed.append(1)
        client.on_message = lambda _, __, message: came.append(bytes(message.payload))
        client.connect(*host_port(address))
        client.loop_start()
        try:
            client.subscribe("+/events/rpc", 1)
            until(lambda: subscribed, 10, "a subscription")
            # it should have begun 20 s ago: an open loop sends all that is due, and says how late that was
            late = plan(mqtt=address, sensors=60_000, seconds=0.5, start=time.time() - 20)
            sent = play(late)
            until(lambda: len(came) >= late.packets, 10, "every message")
        finally:
            client.disconnect()
            wait_for_end(client)
    assert sent.sent == late.packets == 500
    assert sent.late > 19
    assert sorted(came) == sorted(late.message(place)[1] for place in range(500))


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    found = [number / 1000 for number in range(1, 1001)]
    assert [percentile(found, share) for share in (0.5, 0.99, 0.999, 1)] == [0.5, 0.99, 0.999, 1.0]
    assert percentile([0.3], 0.5) == 0.3
    assert percentiles(found) == "500 / 990 / 999"


def test_a_load_is_broken_by_a_packet_that_is_missing_or_late() -> None:
    assert step().broken == ""
    assert step(stored=99).broken == "the history did not come after"
    assert step(api=[0.1] * 98 + [2.1, 2.1]).broken == "p99 to the API is over 2 s"
    assert step(history=[0.1] * 98 + [2.1, 2.1]).broken == "p99 to the history is over 2 s"
    assert step(sent=Sent(100, 100, 5.0, 1.0)).broken == "the generator did not keep the pace"


def test_memory_that_grows_shows() -> None:
    costs = [(float(second), {"worker": Cost(second * 0.5, (100 + second) * 1_000_000)}) for second in range(10)]
    assert usage(costs, "worker") == "50 % / 109 (+6)"
    assert usage(costs, "api") == ""


def test_a_run_without_figures_ends_the_climb(tmp_path: Path) -> None:
    from benchmarks.child import Failed
    from benchmarks.end_to_end.part import _climb, _lasting

    bench, asked = Bench(tmp_path), list[tuple[int, float]]()

    def run(sensors: int, seconds: float) -> Step:
        asked.append((sensors, seconds))
        if sensors == 1_200_000:
            raise Failed("no")
        return step(sensors=sensors)

    steps, why = _climb(bench, "x", run, partial(_lasting, long=True))
    assert [sensors for sensors, _ in asked] == [1_000, 6_000, 10_000, 100_000, 200_000, 300_000, 600_000, 1_200_000]
    assert [seconds for _, seconds in asked] == [60, 60, 60, 180, 600, 180, 180, 180]
    assert (len(steps), why) == (7, "1,200,000 sensors: no.")
    assert bench.failed == ["x, 1,200,000 sensors: no"]
