"""Whatever is invented, every record that the worker writes fits into a broker's usual limit: one that does not would
end it again and again.
"""

import json
from functools import partial
from typing import Any

import pytest

from schemas.advertisement import Tick
from schemas.codec import decode_advertisement, encode
from schemas.freshness import GATEWAY_SILENT_MS
from schemas.gateway import GatewayChange
from schemas.topics import ADVERTISEMENTS, GATEWAYS
from streams import decode
from streams.decode import DecodeStage
from streams.engine import States
from streams.fold import fold
from streams.formats.bthome_table import DECIMALS
from streams.gateways.state import KEY_PREFIX
from streams.sensor_state import SensorState
from streams.state_codec import dump as dump_sensor
from streams.track import MAX_VALUES_BYTES, Unreadable, read_advertisement
from streams.watermark import Watermark
from streams.windows import settle
from tests.streams.gateways.test_gateways import NOW, PLACES, record, tick
from tests.streams.tracking import MINUTE, SECOND, T0, Event, Tracker, heard, number, ticks
from tests.streams.tracking import tick as clock

LIMIT = 1_000_000
LONGEST = "\U0001f4a1" * 300  # a name of the most characters, four bytes each


def run(stage: DecodeStage, records: list[Any], states: States) -> Any:
    work = stage.fold(records, states, 1)
    assert all(len(output.value or b"") < LIMIT for output in work.outputs)
    assert all(len(value or b"") < LIMIT for value in work.changed.values())
    return work


def test_a_flood_of_prefixes_that_falls_silent_is_told_in_several_ticks() -> None:
    stage, states, count = DecodeStage(PLACES, dict), States(), 9_000
    run(stage, [tick(0, NOW - 1), *(record(1 + n, f"{n:0>200}/online", b"true", NOW) for n in range(count))], states)
    told = []
    for n in range(30):
        work = run(stage, [tick(count + 1 + n, NOW + 30_000 * n)], states)
        first = next(output.value for output in work.outputs if output.topic == ADVERTISEMENTS.name)
        read = decode_advertisement(first)
        assert isinstance(read, Tick)
        told += [change.gateway for change in read.gateways]
    assert len(told) == len(set(told)) == count


def test_a_tick_forgets_who_is_silent_longest_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_GATEWAYS", 3)
    stage, states = DecodeStage(PLACES, dict), States()
    run(stage, [record(n, f"gw-{n}/online", b"true", NOW + n % 4) for n in range(5)], states)
    work = run(stage, [tick(9, NOW + 1_000)], states)
    kept = {KEY_PREFIX + b"gw-%d" % n for n in (1, 2, 3)}
    assert {key for key in states if key.startswith(KEY_PREFIX)} == kept
    assert {key for key, value in work.changed.items() if value is None} == {
        KEY_PREFIX + b"gw-0",
        KEY_PREFIX + b"gw-4",
    }
    assert {output.key for output in work.outputs if output.topic == GATEWAYS.name and output.value is None} == {
        b"gw-0",
        b"gw-4",
    }


def test_a_recovered_state_gives_a_tick_the_same_news_in_the_same_order() -> None:
    stage, live = DecodeStage(PLACES, dict), States()
    work = run(stage, [tick(0, NOW - 1), *(record(1 + n, f"gw-{9 - n}/online", b"true", NOW) for n in range(5))], live)
    recovered: States = dict(sorted(work.changed.items()))
    late = [tick(20 + n, NOW + n * GATEWAY_SILENT_MS // 2) for n in range(4)]
    assert run(stage, late, live).outputs == run(stage, late, recovered).outputs


def test_events_of_invented_devices_fit_into_the_state_of_their_gateway() -> None:
    stage, states = DecodeStage(PLACES, dict), States()
    for n in range(500):
        sensors = {"83": [{"value": "\U0001f4a1" * 200, "last_updated_ts": NOW // 1000}] * (n % 60 + 1)}
        event = {"component": f"bthomedevice:{n}", "event": "x", "ts": NOW / 1000, "sensors": sensors}
        frame = {"src": "a", "method": "NotifyEvent", "params": {"ts": NOW / 1000, "events": [event]}}
        run(stage, [record(n, "gw/events/rpc", json.dumps(frame).encode(), NOW)], states)
    assert len(states) == 2


def test_the_richest_packets_of_the_longest_names_fit_into_the_state_of_their_sensor() -> None:
    state, names, offset = SensorState(), sorted(DECIMALS), 0
    items = (MAX_VALUES_BYTES - 100) // (4 * 9)  # of nine bytes, in four properties
    for minute in range(40):
        for n in range(40):
            few = {names[(n + k) % len(names)]: [(1 << 32) + offset] * items for k in range(4)}
            values = {"packet_id": offset % 256, **few}
            at = minute * MINUTE + n * SECOND
            advertisement = heard(at, offset=offset, values=values, gateway=LONGEST[:-3] + f"{n:03}")
            try:
                advertisement = read_advertisement(encode(advertisement))  # type: ignore[assignment]
            except Unreadable:
                pytest.fail("the packet is to be as rich as is allowed")
            fold(state, advertisement, 0, T0 + at - 1)
            offset += 1
        settle(state.windows, state.packets, T0 + minute * MINUTE, offset)
        assert len(dump_sensor(state)) < LIMIT
    assert len(state.packets) == 512


def test_a_packet_of_more_than_a_state_can_hold_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=str(MAX_VALUES_BYTES)):
        read_advertisement(encode(heard(0, offset=1, values={"temperature": [1.5] * 200})))


def test_silent_gateways_of_long_names_fit_into_the_watermark() -> None:
    watermark = Watermark(1)
    for n in range(100):
        news = [GatewayChange(LONGEST[:-6] + f"{n * 100 + k:06}", True, T0 + n) for k in range(100)]
        watermark.saw(0, T0 + n * 30 * SECOND, news)
    assert len(watermark.dump()) < LIMIT
    silences = watermark.listening.silences
    assert len(silences) > 100
    assert LONGEST[:-6] + "009999" in silences, "who fell silent last is kept"


def test_a_gateway_that_brought_a_packet_after_its_silence_began_is_not_the_cause() -> None:
    """Its device has another prefix since, and the old one is silent for ever."""
    silent = GatewayChange("gw-a", silent=True, at=T0 + MINUTE)
    events: list[Event] = [(at, partial(heard, at)) for at in range(0, 10 * MINUTE + 1, MINUTE)]
    told = 3 * MINUTE + 10 * SECOND
    track = Tracker()
    track.fold(number([*events, *ticks(0, 20 * MINUTE), (told, partial(clock, told, gateways=[silent]))]))
    assert [cause for _, _, cause in track.words] == [None, "sensor", "sensor"]
