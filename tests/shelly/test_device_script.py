"""The script that runs on the gateway, under Node in a stand-in of its interpreter."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.frame import Frame
from shelly.setup.script import device_code
from shelly.world.shapes.shape import notify_event
from streams.formats import decode_frame
from streams.formats.bluflow import heartbeat
from tests.shelly.device import SCRIPT, Step, Told, adv, run
from tests.shelly.device_language import faults

MAC, OTHER = "7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:09"
HT = "44004e01642e3f45df00"
NEXT = "44004f01642e3f45e000"
CODE = SCRIPT.read_text()
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "bthome-vectors.json").read_text())
BOOT = 1_759_654_321_000  # unix milliseconds of uptime 0 in these tests


def end(at: int) -> Step:
    return {"at": at}


def numbered(count: int) -> list[str]:
    return [f"4400{n:02x}01642e3f45df00" for n in range(count)]


@pytest.mark.parametrize(("copies", "apart"), [(6, 150), (40, 25)])
def test_copies_of_one_packet_are_sent_once(copies: int, apart: int) -> None:
    told = run(*(adv(6000 + n * apart, MAC, HT) for n in range(copies)), end(70_000))
    assert [entry[::3] for entry in told.entries] == [[MAC, HT]]
    assert told.beats[0] == {"up": 65, "heard": copies, "sent": 1, "dropped": 0, "mem": 17000}


def test_the_same_bytes_after_the_filter_s_time_or_of_another_sensor_are_sent() -> None:
    told = run(adv(6000, MAC, HT), adv(6100, OTHER, HT), adv(7999, MAC, HT), adv(8000, MAC, HT), end(9500))
    assert [entry[0] for entry in told.entries] == [MAC, OTHER, MAC]


def test_two_packets_that_one_sensor_sends_by_turns_are_sent_once_each() -> None:
    told = run(*(adv(6000 + n * 100, MAC, (HT, NEXT)[n % 2]) for n in range(12)), end(9000))
    assert [entry[3] for entry in told.entries] == [HT, NEXT]


def test_an_advert_waits_a_second_at_most_and_tells_its_age() -> None:
    told = run(adv(6001, MAC, HT, rssi=-66), adv(6400, OTHER, NEXT, rssi=-91), end(9000))
    [batch] = told.batches
    assert (batch["at"], batch["name"]) == (7000, "bluflow")
    assert batch["data"] == {"v": 1, "seq": 0, "d": [[MAC, -66, 999, HT], [OTHER, -91, 600, NEXT]]}


def test_sixteen_adverts_go_at_once() -> None:
    told = run(*(adv(6100, MAC, data) for data in numbered(16)), end(6101))
    [batch] = told.batches
    assert (batch["at"], len(batch["data"]["d"])) == (6100, 16)


def test_an_event_has_sixteen_adverts_at_most_and_a_number() -> None:
    told = run(*(adv(6100, MAC, data) for data in numbered(40)), end(8000))
    assert [len(batch["data"]["d"]) for batch in told.batches] == [16, 16, 8]
    assert [batch["data"]["seq"] for batch in told.batches] == [0, 1, 2]
    assert [entry[3] for entry in told.entries] == numbered(40)


def test_what_is_heard_while_mqtt_is_away_comes_afterwards_with_its_age() -> None:
    steps = [adv(10_000 + n * 1000, MAC, data) for n, data in enumerate(numbered(20))]
    told = run({"at": 9000, "mqtt": False}, *steps, {"at": 40_500, "mqtt": True}, end(50_000))
    assert [entry[3] for entry in told.entries] == numbered(20)
    assert min(batch["at"] for batch in told.batches) == 41_000
    heard_at = [batch["at"] - entry[2] for batch in told.batches for entry in batch["data"]["d"]]
    assert heard_at == [10_000 + n * 1000 for n in range(20)]


def test_the_oldest_are_dropped_and_counted_when_mqtt_is_away_too_long() -> None:
    steps = [adv(10_000 + n * 1000, MAC, data) for n, data in enumerate(numbered(50))]
    told = run({"at": 9000, "mqtt": False}, *steps, {"at": 60_500, "mqtt": True}, end(126_000))
    assert [entry[3] for entry in told.entries] == numbered(50)[18:]
    assert told.beats[-1] == {"up": 125, "heard": 50, "sent": 32, "dropped": 18, "mem": 17000}


def test_there_is_no_heartbeat_while_mqtt_is_away() -> None:
    told = run({"at": 9000, "mqtt": False}, {"at": 180_500, "mqtt": True}, end(186_000))
    assert [beat["up"] for beat in told.beats] == [185]


def test_a_flood_of_foreign_adverts_neither_is_sent_nor_hides_a_sensor() -> None:
    flood = {"at": 6000, "flood": 50_000, "kind": "foreign", "every": 1}
    told = run(flood, adv(56_001, MAC, HT), end(126_000))
    assert [entry[3] for entry in told.entries] == [HT]
    assert told.beats[-1]["heard"] == 1


def test_a_flood_of_invented_sensors_makes_four_events_a_second_at_most() -> None:
    told = run({"at": 6000, "flood": 5000, "kind": "same", "every": 2}, end(66_000))
    by_second: dict[int, int] = {}
    for batch in told.batches:
        by_second[batch["at"] // 1000] = by_second.get(batch["at"] // 1000, 0) + 1
    assert max(by_second.values()) == 4
    [beat] = told.beats
    assert beat["heard"] == 5000
    assert beat["sent"] + beat["dropped"] == 5000
    assert beat["sent"] == len(told.entries)


@pytest.mark.parametrize("kind", ["foreign", "new"])
def test_memory_does_not_grow_over_a_million_adverts(kind: str) -> None:
    told = run({"at": 6000, "flood": 1_000_000, "kind": kind, "every": 1}, adv(1_010_000, MAC, HT), end(1_012_000))
    assert [entry[3] for entry in told.entries if entry[0] == MAC] == [HT]
    assert max(told.heap[1:]) - told.heap[0] < 256 * 1024


def test_an_event_that_is_refused_counts_as_dropped_and_does_not_end_the_script() -> None:
    told = run({"at": 5500, "refuse": True}, adv(6000, MAC, HT), {"at": 8000, "refuse": False},
               adv(9000, MAC, NEXT), end(66_000))  # fmt: skip
    assert [entry[3] for entry in told.entries] == [NEXT]
    assert (told.beats[0]["sent"], told.beats[0]["dropped"]) == (1, 1)


def test_a_scan_that_was_stopped_is_started_again() -> None:
    told = run({"at": 6000, "scanner": False}, end(66_000), adv(66_100, MAC, HT), end(68_000))
    assert len(told.starts) == 2
    assert [entry[3] for entry in told.entries] == [HT]


def test_bluetooth_that_is_off_is_tried_again_and_the_script_lives() -> None:
    told = run({"at": 5100, "ble": False}, {"at": 5200, "scanner": False}, {"at": 70_000, "ble": True}, end(126_000))
    assert len(told.starts) == 2


def test_the_scan_is_passive_and_without_end() -> None:
    assert run(end(5100)).starts == [{"duration_ms": -1, "active": False, "interval_ms": 200, "window_ms": 100}]


def test_a_scan_result_without_bthome_data_or_with_too_much_is_left_alone() -> None:
    told = run(adv(6000, MAC, "00" * 65), adv(6000, MAC, ""), adv(6000, MAC, HT, uuid="181c"), end(66_000))
    assert told.batches == []
    assert told.beats[0]["heard"] == 0


def test_what_was_heard_lately_can_be_asked() -> None:
    told = run(adv(6000, MAC, HT, rssi=-66), adv(6100, OTHER, NEXT, rssi=-90), {"at": 6500, "eval": "lately()"})
    assert told.evaluated == [f"{MAC} {HT} -66 500;{OTHER} {NEXT} -90 400;"]


def test_the_script_keeps_within_the_device_s_limits() -> None:
    told = run(adv(6000, MAC, HT), end(200_000))
    assert len(CODE.encode()) <= 20 * 1024
    assert told.timers <= 5
    assert told.calls <= 5
    assert told.handlers == 0


def test_the_script_uses_nothing_that_the_interpreter_lacks() -> None:
    assert faults(CODE) == []


def test_what_setup_puts_on_the_gateway_does_the_same_with_its_own_scan_times(tmp_path: Path) -> None:
    script = tmp_path / "device.js"
    script.write_text(device_code(320, 60))
    assert faults(script.read_text()) == []
    assert "//" not in script.read_text()
    steps = (*(adv(6000 + n * 150, MAC, HT) for n in range(6)), end(66_000))
    short, long = run(*steps, script=script), run(*steps)
    assert short.events == long.events
    assert short.starts == [{"duration_ms": -1, "active": False, "interval_ms": 320, "window_ms": 60}]


@pytest.mark.parametrize(("interval", "window"), [(200, 101), (50, 60), (200, 5), (20_000, 50)])
def test_scan_times_that_the_firmware_would_not_keep_are_refused(interval: int, window: int) -> None:
    with pytest.raises(ValueError, match="the window must be"):
        device_code(interval, window)


@pytest.mark.parametrize(
    "code",
    [
        "var f = () => 1;",
        "class A {}",
        "let x = 1;",
        "const x = 1;",
        "var x = `a`;",
        "var x = [...[1]];",
        "var {a} = {a: 1};",
        "async function f() {}",
        "var x = 1 == 1;",
        "var x = 1 != 1;",
        "var x = /a/;",
        'var x = "\\u00e4";',
        'var x = "é";',
        "f(); function f() {}",
        "var x = y; var y = 1;",
        "var x = new Map();",
        "for (var x of []) {}",
        "var x = Shelly.getCurrentScriptIdentity();",
        "var x = 2 ** 3;",
        "var x = null ?? 1;",
        "setTimeout(1);",
        "function f(a = b) {}",
    ],
)
def test_the_check_of_the_language_finds(code: str) -> None:
    assert faults(code) != []


def frames(told: Told) -> list[Frame]:
    """The events as they come out on MQTT."""
    found = []
    for event in told.events:
        at = BOOT + event["at"]
        topic, payload = notify_event("shellypro2-1", at, event["name"], event["data"])
        found.append(Frame(topic, payload, at))
    return found


def good_vectors() -> list[dict[str, Any]]:
    return [v for v in VECTORS if "expect" in v and "uuid" not in v and len(v["service_data_hex"]) <= 128]


def test_every_published_packet_comes_through_to_our_decoder_bit_for_bit() -> None:
    vectors = good_vectors()
    macs = {f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}": vector for n, vector in enumerate(vectors)}
    steps = [
        adv(6000 + n * 100, mac, vector["service_data_hex"], rssi=-40 - n % 60)
        for n, (mac, vector) in enumerate(macs.items())
    ]
    told = run(*steps, end(6000 + len(steps) * 100 + 5000))
    decoded = [decode_frame(frame, {}) for frame in frames(told)]
    found = {a.sensor: a for one in decoded for a in one.advertisements}
    refused = [(r.reason, r.detail) for one in decoded for r in one.rejected]
    encrypted = {mac for mac, vector in macs.items() if vector["expect"]["encrypted"]}
    assert {reason for reason, _ in refused} == {"bindkey_missing"}
    assert {mac for _, mac in refused} == encrypted
    assert len(found) + len(encrypted) == len(vectors) > 100
    for step in steps:
        mac = step["adv"]["addr"]
        if mac not in encrypted:
            advertisement = found[mac]
            assert advertisement.service_data_hex == step["adv"]["hex"]
            assert advertisement.values == macs[mac]["expect"]["values"]
            assert advertisement.rssi == step["adv"]["rssi"]
            assert abs(advertisement.measured_at - (BOOT + step["at"])) <= 5  # the envelope's ts has two decimals


def test_an_encrypted_packet_comes_through_to_our_decoder() -> None:
    mac, key = "7c:c6:b6:01:02:03", bytes.fromhex("0123456789abcdef" * 2)
    told = run(adv(6000, mac, "451aab52a6ba2941ce544bfbd366ce74a710"), end(8000))
    [frame] = frames(told)
    [advertisement] = decode_frame(frame, {mac: key}).advertisements
    assert advertisement.encrypted
    assert advertisement.values == {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3}


def test_the_heartbeat_is_read_by_our_decoder() -> None:
    told = run(adv(6000, MAC, HT), end(66_000))
    beat = heartbeat(told.events[-1]["data"])
    assert beat is not None
    assert (beat.uptime, beat.heard, beat.sent, beat.dropped, beat.memory) == (65, 1, 1, 0, 17000)
