"""`bluflow decode`: one answer a line, whatever the line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.decode import decode_line

DATA = Path(__file__).parents[1] / "data"
VECTORS = json.loads((DATA / "bthome-vectors.json").read_text())
FRAMES = {frame["name"]: frame for frame in json.loads((DATA / "shelly-frames.json").read_text())}
RECEIVED_AT = 1759654322.0


def answer(keys: dict[str, bytes] | None = None, **asked: object) -> dict[str, Any]:
    """What a reader of the command's output sees."""
    line = msgspec.json.encode(decode_line(json.dumps(asked), keys or {}))
    return dict(json.loads(line))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_vector(vector: dict[str, Any]) -> None:
    asked = {name: vector[name] for name in ("service_data_hex", "mac", "bindkey") if name in vector}
    if "expect_error" in vector:
        assert answer(**asked) == {"error": vector["expect_error"]}
        return
    expect = vector["expect"]
    wanted = {name: expect[name] for name in ("version", "encrypted", "trigger_based", "values")}
    if expect["encrypted"]:
        wanted["counter"] = expect["counter"]
    assert answer(**asked) == wanted | {"stopped": expect.get("stopped")}


def test_key_comes_from_the_file_if_not_from_the_line() -> None:
    keys = {"7c:c6:b6:01:02:03": bytes.fromhex("0123456789abcdef" * 2)}
    asked: dict[str, Any] = {"service_data_hex": "451aab52a6ba2941ce544bfbd366ce74a710", "mac": "7CC6B6010203"}
    assert answer(keys, **asked)["counter"] == 1725168459
    assert answer(keys, **asked, bindkey="00" * 16) == {"error": "mic_mismatch"}
    assert answer(keys, **asked, bindkey=None)["counter"] == 1725168459
    assert answer(**asked) == {"error": "bindkey_missing"}


def frame(name: str, **more: object) -> dict[str, Any]:
    asked = {"topic": FRAMES[name]["topic"], "payload": FRAMES[name]["payload"], "received_at": RECEIVED_AT} | more
    return answer(**asked)


def test_frame_with_raw_service_data() -> None:
    assert frame("ble_scan_result_v2_ht") == {
        "advertisements": [
            {
                "sensor": "7c:c6:b6:bd:4c:b5",
                "gateway": "shellypro2-a8032abe54dc",
                "rssi": -66,
                "measured_at": 1759654321.46,
                "received_at": RECEIVED_AT,
                "time_source": "gateway",
                "values": {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3},
                "format": "ble.scan_result",
                "encrypted": False,
                "trigger_based": True,
                "service_data_hex": "44004e01642e3f45df00",
                "local_name": "SBHT-003C",
                "model_id": 3,
                "stopped": None,
                "flags": [],
            }
        ]
    }


def test_frame_with_decoded_values_has_no_service_data() -> None:
    (advertisement,) = frame("shelly_blu_float_noise")["advertisements"]
    assert advertisement["values"]["temperature"] == 22.4
    assert advertisement["local_name"] == "SBHT-003C"
    assert "service_data_hex" not in advertisement


def test_text_payload_is_sent_as_it_stands() -> None:
    assert frame("online_true") == {"advertisements": [], "news": [{"gateway_online": True}]}
    assert frame("empty_payload") == {"advertisements": []}
    assert frame("json_nan") == {"dead_letter": "not_json"}
    as_text = json.dumps(FRAMES["shelly_blu_decoded"]["payload"])
    assert frame("shelly_blu_decoded", payload=as_text) == frame("shelly_blu_decoded")


@pytest.mark.parametrize(
    ("name", "news"),
    [
        (
            "native_notify_status_sensor",
            [{"component": "bthomesensor:203", "value": 22.3, "last_updated_ts": 1759654321}],
        ),
        ("native_notify_status_delta_only_ts", [{"component": "bthomesensor:202", "last_updated_ts": 1759654381}]),
        (
            "native_notify_status_device",
            [
                {
                    "component": "bthomedevice:200",
                    "packet_id": 78,
                    "battery": 100,
                    "rssi": -66,
                    "last_updated_ts": 1759654321,
                }
            ],
        ),
        ("native_event_sensors_null_slots", [{"component": "bthomedevice:200", "values": {"temperature": 22.3}}]),
        ("native_status_device_key_bad", [{"alarm": "bthomedevice:200 key_missing_or_bad"}]),
        ("script_error_status", [{"alarm": "script:1 stopped"}]),
        ("online_false_lwt", [{"gateway_online": False}]),
    ],
)
def test_news_in_the_words_of_the_expectations(name: str, news: list[dict[str, Any]]) -> None:
    assert frame(name) == {"advertisements": [], "news": news}


def test_an_inventory_is_shown_with_the_map_that_it_makes() -> None:
    (shown,) = frame("native_get_components_response")["news"]
    assert shown["map"] == FRAMES["native_get_components_response"]["expect"][0]["map"]
    assert shown["inventory"][0] == {
        "component": "bthomedevice:200",
        "sensor": "fc:4d:6a:38:e2:f2",
        "index": 0,
        "model_id": 12,
    }
    assert (len(shown["inventory"]), shown["offset"], shown["total"]) == (5, 0, 5)


@pytest.mark.parametrize(
    ("params", "news"),
    [
        ({"script:1": {"running": True}}, [{"component": "script:1", "running": True}]),
        ({"sys": {"uptime": 5}}, [{"component": "sys", "uptime": 5}]),
        (
            {"bthomedevice:200": {"battery": 90, "errors": ["unencrypted_data"]}},
            [{"component": "bthomedevice:200", "battery": 90}, {"alarm": "bthomedevice:200 unencrypted_data"}],
        ),
    ],
)
def test_other_news(params: dict[str, Any], news: list[dict[str, Any]]) -> None:
    assert answer(topic="gw/events/rpc", payload={"method": "NotifyStatus", "params": params})["news"] == news


def test_a_heartbeat_is_news() -> None:
    event = {"event": "bluflow", "data": {"v": 1, "hb": {"up": 60, "heard": 9}}}
    found = answer(topic="gw/events/rpc", payload={"method": "NotifyEvent", "params": {"events": [event]}})
    assert found == {"advertisements": [], "news": [{"heartbeat": {"uptime": 60, "heard": 9}}]}


def test_a_counter_is_reset_by_an_operator_only() -> None:
    topic = "bluflow/reset-counter/7cc6b6bd4cb5"
    assert answer(topic=topic, payload="", operator=True) == {"advertisements": [], "resets": ["7c:c6:b6:bd:4c:b5"]}
    assert answer(topic=topic, payload="") == {"dead_letter": "unknown_topic"}


def test_unusable_frame_is_a_dead_letter() -> None:
    assert frame("params_missing") == {"dead_letter": "bad_envelope"}
    assert frame("shelly_blu_decoded", topic="nobody/knows") == {"dead_letter": "unknown_topic"}


def test_good_elements_beside_bad_ones() -> None:
    entries = [["7c:c6:b6:bd:4c:b5", -66, 0, "44004e"], ["?", -66, 0, "44004e"], ["7c:c6:b6:bd:4c:b5", -66, 0, "24"]]
    event = {"event": "bluflow", "data": {"v": 1, "d": entries}, "ts": RECEIVED_AT}
    found = answer(
        topic="gw/events/rpc", received_at=RECEIVED_AT, payload={"method": "NotifyEvent", "params": {"events": [event]}}
    )
    assert [advertisement["gateway"] for advertisement in found["advertisements"]] == ["gw"]
    assert found["rejected"] == ["bad_address", "unsupported_version"]


def test_queued_and_retained_frames() -> None:
    (waited,) = frame("iobroker_events_ble", queued=True)["advertisements"]
    assert (waited["time_source"], waited["flags"]) == ("unknown", ["time_unknown"])
    assert frame("iobroker_events_ble", retain=True) == {"advertisements": []}


def test_received_at_is_now_if_not_given() -> None:
    before = time.time()
    (advertisement,) = frame("iobroker_events_ble", received_at=None)["advertisements"]
    assert before - 0.001 <= advertisement["received_at"] <= time.time() + 0.001


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "an empty line"),
        (" \n", "an empty line"),
        ("hello", "not JSON"),
        ('{"topic": NaN}', "not JSON"),
        ("[" * 100000, "not JSON"),
        ("[]", "needed"),
        ("{}", "needed"),
        ('{"service_data_hex": "440"}', "service_data_hex must be an even number of hex digits"),
        ('{"service_data_hex": "44 00"}', "hex digits"),
        ('{"service_data_hex": 44}', "service_data_hex must be a string"),
        ('{"service_data_hex": null}', "service_data_hex must be a string"),
        ('{"service_data_hex": "44", "mac": "nobody"}', "not a MAC address"),
        ('{"service_data_hex": "44", "mac": 5}', "mac must be a string"),
        ('{"service_data_hex": "44", "bindkey": "xyz"}', "bindkey must be"),
        ('{"service_data_hex": "44", "bindkey": []}', "bindkey must be"),
        (f'{{"service_data_hex": "451aab52a6ba2941ce544bfbd366ce74a710", "bindkey": "{"00" * 16}"}}', "MAC"),
        ('{"topic": 5, "payload": {}}', "topic must be a string"),
        ('{"topic": "a/online"}', "payload must be"),
        ('{"topic": "a/online", "payload": [1]}', "payload must be"),
        ('{"topic": "a/online", "payload": "", "received_at": "now"}', "received_at must be"),
        ('{"topic": "a/online", "payload": "", "received_at": -1}', "received_at must be"),
        ('{"topic": "a/online", "payload": "", "received_at": true}', "received_at must be"),
        ('{"topic": "a/online", "payload": "", "queued": 1}', "queued must be"),
    ],
)
def test_a_line_of_neither_shape_is_one_clear_line(line: str, says: str) -> None:
    found = decode_line(line, {})
    assert list(found) == ["error"]
    assert says in found["error"]
    assert "\n" not in found["error"]


@settings(deadline=None)
@given(
    line=st.text(max_size=80)
    | st.dictionaries(
        st.sampled_from(["topic", "payload", "received_at", "service_data_hex", "mac", "bindkey", "queued", "retain"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20).map(bytes.hex),
    ).map(json.dumps)
)
def test_nothing_is_raised(line: str) -> None:
    found = decode_line(line, {})
    assert set(found) & {"error", "values", "advertisements", "dead_letter"}
    assert b"\n" not in msgspec.json.encode(found)


RUN = [sys.executable, "-c", "import typer; from cli.decode import decode; typer.run(decode)"]


def test_each_line_is_answered_before_the_next_is_asked() -> None:
    with subprocess.Popen(RUN, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        for asked, wanted in [
            (b'{"service_data_hex": "44004e"}', {"packet_id": 78}),
            (b"\xff\xfe", None),
            (b'{"service_data_hex": "44004f"}', {"packet_id": 79}),
        ]:
            child.stdin.write(asked + b"\n")
            child.stdin.flush()
            found = json.loads(child.stdout.readline())
            assert found.get("values") == wanted
            assert ("error" in found) == (wanted is None)
        child.stdin.close()
        assert child.stdout.read() == b""
        assert child.wait() == 0


def test_a_bad_key_file_ends_the_command_at_once(tmp_path: Path) -> None:
    wide = {**os.environ, "COLUMNS": "500"}  # or the path may be broken over two lines of the frame around it
    command = [*RUN, "--keys", str(tmp_path / "none.yaml")]
    ended = subprocess.run(command, input=b"", capture_output=True, check=False, env=wide)
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
    assert b"none.yaml" in ended.stderr
