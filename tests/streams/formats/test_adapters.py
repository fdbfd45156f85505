"""Each format's corners, and one bad element that never loses its neighbours."""

import base64
import json
from typing import Any

import pytest

from schemas.frame import Frame
from streams.formats import REASONS, DecodedFrame, decode_frame
from streams.formats.news import Beat

TOPIC = "a/house/gw1/events/rpc"
NOW = 1759654322000
HT = "44004e01642e3f45df00"
ENCRYPTED = "451aab52a6ba2941ce544bfbd366ce74a710"
MAC, OTHER, SECRET_MAC = "7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:09", "7c:c6:b6:01:02:03"
KEY = bytes.fromhex("0123456789abcdef" * 2)
VALUES = {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3}


def frame(payload: object, topic: str = TOPIC, **given: Any) -> Frame:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Frame(topic, raw, NOW, **given)


def event(name: str, data: object, ts: object = 1759654321.46) -> dict[str, object]:
    return {"component": "script:1", "id": 1, "event": name, "data": data, "ts": ts}


def notify(*events: object, **outer: object) -> dict[str, object]:
    return {"src": "gw1", "method": "NotifyEvent", "params": {"ts": 1759654321.46, "events": list(events)}} | outer


def decoded(name: str, data: object) -> DecodedFrame:
    return decode_frame(frame(notify(event(name, data))), {})


def reasons(found: DecodedFrame) -> list[str]:
    assert all(rejected.reason in REASONS for rejected in found.rejected)
    return [rejected.reason for rejected in found.rejected]


def base64_pdu(*structures: bytes) -> str:
    return base64.b64encode(b"".join(bytes([len(s)]) + s for s in structures)).decode()


SERVICE_DATA = b"\x16\xd2\xfc" + bytes.fromhex(HT)


# --- our own script ---------------------------------------------------------------------------------------------------


def test_bluflow_entries_count_back_from_the_event() -> None:
    found = decoded("bluflow", {"v": 1, "seq": 7, "d": [[MAC, -66, 120, HT], [OTHER.upper(), None, 0, "4400010164"]]})
    first, second = found.advertisements
    assert (first.sensor, first.rssi, first.measured_at, first.time_source) == (MAC, -66, 1759654321340, "gateway")
    assert (first.values, first.format, first.service_data_hex, first.trigger_based) == (VALUES, "bluflow", HT, True)
    assert (second.sensor, second.rssi, second.measured_at) == (OTHER, None, 1759654321460)
    assert [a.at.index for a in found.advertisements] == [0, 1]


def test_bluflow_age_counts_back_from_arrival_if_the_clock_is_wrong() -> None:
    found = decode_frame(frame(notify(event("bluflow", {"v": 1, "d": [[MAC, -66, 500, HT]]}, ts=12.5))), {})
    (advertisement,) = found.advertisements
    assert (advertisement.measured_at, advertisement.time_source) == (NOW - 500, "arrival")


@pytest.mark.parametrize(
    ("beat", "news"),
    [
        ({"up": 5, "heard": 9, "sent": 8, "dropped": 1, "mem": 20480}, Beat(5, 9, 8, 1, 20480)),
        ({"up": 5, "heard": 2}, Beat(5, 2, None, None, None)),
        ({"up": -1, "heard": "2", "sent": True, "dropped": 2.0, "mem": 1e300}, Beat(None, None, None, 2, None)),
    ],
)
def test_bluflow_heartbeat_is_news_and_no_reading(beat: object, news: Beat) -> None:
    found = decoded("bluflow", {"v": 1, "hb": beat})
    assert (found.news, found.advertisements, found.rejected) == ([news], [], [])


def test_bluflow_bad_entries_leave_the_good_ones_and_their_places() -> None:
    entries = [
        None,
        [MAC, -66, 0],
        ["nobody", -66, 0, HT],
        [MAC, -66, -1, HT],
        [MAC, -66, True, HT],
        [MAC, -66, 0, "440"],
        [MAC, -66, 0, "44 00"],
        [MAC, -66, 0, ""],
        [MAC, -66, 0, ENCRYPTED],
        [MAC, "loud", 0.4, HT],
    ]
    found = decoded("bluflow", {"v": 1, "d": entries})
    assert reasons(found) == ["bad_event"] * 2 + ["bad_address"] + ["bad_event"] * 4 + ["empty", "bindkey_missing"]
    (good,) = found.advertisements
    assert (good.values, good.rssi, good.at.index) == (VALUES, None, 9)
    assert found.dead_letter is None


@pytest.mark.parametrize("data", [None, [], {"v": 2, "d": []}, {"v": 1}, {"v": 1, "d": {}}, {"d": [[MAC, -1, 0, HT]]}])
def test_bluflow_of_another_shape_is_rejected(data: object) -> None:
    assert reasons(decoded("bluflow", data)) == ["bad_event"]


# --- decoded by a script ----------------------------------------------------------------------------------------------


def blu(**fields: object) -> dict[str, object]:
    return {"encryption": False, "BTHome_version": 2, "rssi": -60, "address": MAC} | fields


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"pid": 1, "temperature": 22.400000000000002}, {"packet_id": 1, "temperature": 22.4}),
        ({"temperature": -0.001}, {"temperature": 0.0}),
        ({"temperature": [21.299999999999997, 4]}, {"temperature": [21.3, 4]}),
        ({"button": 1}, {"button": {"event": "press", "raw": 1}}),
        ({"button": [1, 0]}, {"button": [{"event": "press", "raw": 1}, {"event": None, "raw": 0}]}),
        ({"button": 254}, {"button": {"event": "unknown", "raw": 254}}),
        ({"dimmer": 1, "dimmersteps": 3}, {"dimmer": {"event": "rotate_left", "raw": 1, "steps": 3}}),
        ({"dew point": 3.14159, "UV index": 2.5000001}, {"dewpoint": 3.14, "uv_index": 2.5}),
        ({"window": 1, "motion": False}, {"window": 1, "motion": False}),
        ({"battery": None, "humidity": 40}, {"humidity": 40}),
        ({"made_up": 5, "tx_power": 4, "model": "SBHT-003C"}, {}),
    ],
)
def test_shelly_blu_values_are_named_and_rounded_as_ours(fields: dict[str, object], values: dict[str, object]) -> None:
    (advertisement,) = decoded("shelly-blu", blu(**fields)).advertisements
    assert advertisement.values == values
    assert str(advertisement.values) == str(values), "no -0.0"
    assert "partial" not in advertisement.flags
    assert advertisement.local_name == fields.get("model")
    assert advertisement.trigger_based is None


@pytest.mark.parametrize("wrong", ["22.3", {}, [], [1, "2"], 1e300, [None]])
def test_shelly_blu_a_value_that_is_none_is_left_out_and_flagged(wrong: object) -> None:
    (advertisement,) = decoded("shelly-blu", blu(temperature=wrong, humidity=40)).advertisements
    assert (advertisement.values, advertisement.flags) == ({"humidity": 40}, ("partial",))


@pytest.mark.parametrize("pid", [-1, 256, True, 1.5, "7"])
def test_shelly_blu_a_packet_id_is_a_byte(pid: object) -> None:
    (advertisement,) = decoded("shelly-blu", blu(pid=pid, humidity=40)).advertisements
    assert advertisement.values == {"humidity": 40}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text", "bad_event"),
        (blu(temperature="warm"), "bad_event"),
        (blu(address=None), "bad_address"),
        (blu(address="7c:c6:b6:bd:4c"), "bad_address"),
        (blu(address=5), "bad_address"),
    ],
)
def test_shelly_blu_of_another_shape_is_rejected(data: object, reason: str) -> None:
    assert reasons(decoded("shelly-blu", data)) == [reason]


def test_openhab_old_shape_has_capitals_and_lists_of_one() -> None:
    fields = {"addr": MAC, "pid": 3, "Temperature": [18.0], "UVIndex": 1, "GarageDoor": 1, "TVOC": 4, "Button": [1, 2]}
    (advertisement,) = decoded("oh-blu.data", fields).advertisements
    assert advertisement.values == {
        "packet_id": 3,
        "temperature": 18.0,
        "uv_index": 1,
        "garage_door": 1,
        "tvoc": 4,
        "button": [{"event": "press", "raw": 1}, {"event": "double_press", "raw": 2}],
    }
    assert advertisement.format == "oh-blu.data"


def test_openhab_raw_bytes_may_have_blanks_between() -> None:
    data = {"addr": MAC, "ver": 2, "raw": "00 4e 01 64 2e 3f 45 df 00"}
    (advertisement,) = decoded("oh-blu.data", data).advertisements
    assert (advertisement.service_data_hex, advertisement.values) == (HT, VALUES)


@pytest.mark.parametrize(
    "data", [{"addr": MAC, "ver": 3, "raw": "00"}, {"addr": MAC, "ver": 2}, {"addr": MAC, "ver": []}, 5]
)
def test_openhab_of_another_shape_is_rejected(data: object) -> None:
    assert reasons(decoded("oh-blu.data", data)) == ["bad_event"]


# --- whole adverts ----------------------------------------------------------------------------------------------------


def test_scan_result_version_1() -> None:
    found = decoded("ble.scan_result", [1, MAC.upper(), -70, base64_pdu(b"\x01\x06", SERVICE_DATA), ""])
    (advertisement,) = found.advertisements
    assert (advertisement.sensor, advertisement.rssi, advertisement.values) == (MAC, -70, VALUES)


@pytest.mark.parametrize(
    ("advert", "response", "name", "model"),
    [
        ((SERVICE_DATA,), (b"\x09SBHT-003C", b"\xff\xa9\x0b\x01\x11\x00\x0b\x0c\x00"), "SBHT-003C", 12),
        ((b"\x08SBHT", SERVICE_DATA), (b"\xff\xa9\x0b\x0b\x03",), "SBHT", None),
        ((b"\x08SB", b"\x09SBHT-003C"), (SERVICE_DATA,), "SBHT-003C", None),
        ((b"\xff\x4c\x00\x0b\x03\x00", SERVICE_DATA), (b"\xff\xa9\x0b\x77\x0b\x03\x00",), None, None),
        ((SERVICE_DATA, b"\x16\xd2\xfc\x40\x2e\x01"), (), None, None),
        ((b"\x09\xff", SERVICE_DATA), (), "\ufffd", None),
    ],
)
def test_scan_result_finds_service_data_name_and_model(
    advert: tuple[bytes, ...], response: tuple[bytes, ...], name: str | None, model: int | None
) -> None:
    (advertisement,) = decoded(
        "ble.scan_result", [2, [[MAC, -70, base64_pdu(*advert), base64_pdu(*response)]]]
    ).advertisements
    assert advertisement.values == VALUES
    assert (advertisement.local_name, advertisement.model_id) == (name, model)


@pytest.mark.parametrize("pdu", [b"", b"\x00", b"\x05\x16\xd2\xfc", b"\x00\x0d" + SERVICE_DATA, b"\x03\x16\x1a\x18"])
def test_scan_result_garbage_on_air_is_not_a_reading(pdu: bytes) -> None:
    found = decoded("ble.scan_result", [2, [[MAC, -70, base64.b64encode(pdu).decode(), ""]]])
    assert (found.advertisements, found.rejected, found.news) == ([], [], [])


def test_scan_result_bad_entries_leave_the_good_ones() -> None:
    good = [MAC, -70, base64_pdu(SERVICE_DATA)]
    entries = [[MAC, -70, "*not base64*", ""], "x", [MAC, -70], ["?", -70, good[2], None], good, [OTHER, -70, 5, ""]]
    found = decoded("ble.scan_result", [2, entries])
    assert reasons(found) == ["bad_event", "bad_event", "bad_event", "bad_address", "bad_event"]
    assert [(a.sensor, a.at.index) for a in found.advertisements] == [(MAC, 4)]


@pytest.mark.parametrize("data", [None, [], [3, []], [2], [2, {}], {"2": []}, [[2]]])
def test_scan_result_of_another_shape_is_rejected(data: object) -> None:
    assert reasons(decoded("ble.scan_result", data)) == ["bad_event"]


# --- ioBroker ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ([], "bad_envelope"),
        ({}, "bad_event"),
        ({"srcBle": {"rssi": -6}, "payload": HT}, "bad_address"),
        ({"srcBle": {"mac": MAC}, "payload": "44004"}, "bad_event"),
        ({"srcBle": {"mac": MAC}}, "bad_event"),
        ({"srcBle": {"mac": MAC}, "payload": ""}, "empty"),
    ],
)
def test_iobroker_of_another_shape_is_a_dead_letter(payload: object, reason: str) -> None:
    assert reasons(decode_frame(frame(payload, "gw1/events/ble"), {})) == [reason]


# --- keys and flags ---------------------------------------------------------------------------------------------------


def raw(mac: str, service_data: str) -> Frame:
    return frame(notify(event("bluflow", {"v": 1, "d": [[mac, -66, 0, service_data]]})))


def test_an_encrypted_packet_is_read_with_its_sensors_key() -> None:
    (advertisement,) = decode_frame(raw(SECRET_MAC, ENCRYPTED), {SECRET_MAC: KEY}).advertisements
    assert (advertisement.values, advertisement.encrypted, advertisement.counter) == (VALUES, True, 1725168459)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [({}, "bindkey_missing"), ({SECRET_MAC: KEY[1:]}, "bindkey_length"), ({SECRET_MAC: bytes(16)}, "mic_mismatch")],
)
def test_an_encrypted_packet_without_the_right_key_is_rejected(keys: dict[str, bytes], reason: str) -> None:
    assert reasons(decode_frame(raw(SECRET_MAC, ENCRYPTED), keys)) == [reason]


def test_a_sensor_with_a_key_may_not_speak_in_the_clear() -> None:
    assert reasons(decode_frame(raw(SECRET_MAC, HT), {SECRET_MAC: KEY})) == ["plaintext_refused"]
    decoded_elsewhere = frame(notify(event("shelly-blu", blu(address=SECRET_MAC, humidity=40))))
    assert reasons(decode_frame(decoded_elsewhere, {SECRET_MAC: KEY})) == ["plaintext_refused"]


def test_what_is_odd_is_flagged_and_kept() -> None:
    (advertisement,) = decode_frame(raw(MAC, "44000301ff2eff45ff7f45"), {}).advertisements
    assert advertisement.values == {"packet_id": 3, "battery": 255, "humidity": 255, "temperature": 3276.7}
    assert advertisement.flags == (
        "implausible:battery",
        "implausible:humidity",
        "implausible:temperature",
        "partial",
    )
    assert advertisement.stopped is not None
    assert advertisement.stopped.reason == "truncated"


def test_coordinate_is_the_frames_place_and_the_place_in_the_frame() -> None:
    data = {"v": 1, "d": [[MAC, -66, 0, HT], [OTHER, -66, 0, "zz"]]}
    found = decode_frame(
        frame(notify(event("bluflow", data), event("bluflow", data))), {}, epoch=2, partition=3, offset=4
    )
    assert [tuple(a.at.__getattribute__(f) for f in a.at.__struct_fields__) for a in found.advertisements] == [
        (2, 3, 4, 0),
        (2, 3, 4, 2),
    ]
