"""Scripts with MQTT topics of their own: one packet a message, no gateway's envelope around it."""

import pytest

from streams.formats import decode_frame
from tests.streams.formats.test_adapters import HT, KEY, MAC, NOW, SECRET_MAC, VALUES, blu, frame, reasons

DECODED = {"pid": 78, "battery": 100, "humidity": 63, "temperature": 22.300000000000001}


@pytest.mark.parametrize(
    ("topic", "payload", "gateway", "format_name"),
    [
        (MAC, {"addr": MAC.upper(), "rssi": -66, "service_data": DECODED}, MAC, "universal-blu"),
        (MAC, {"rssi": -66, "service_data": DECODED}, MAC, "universal-blu"),
        ("blegateway/7cc6b6bd4cb5/sensor", DECODED | {"rssi": -66, "src": "gw7"}, "gw7", "blegateway"),
        ("blegateway/7cc6b6bd4cb5/sensor", DECODED | {"rssi": -66}, "blegateway", "blegateway"),
        (f"shelly-blu/events/{MAC}", DECODED | {"rssi": -66}, "shelly-blu", "shelly-blu/events"),
        (f"shelly-blu/events/{MAC}", blu(**DECODED) | {"rssi": -66}, "shelly-blu", "shelly-blu/events"),
        ("house/gw1/ble", DECODED | {"addr": MAC, "rssi": -66}, "house/gw1", "m-schaeffler"),
        ("gw1/ble", {"addr": MAC, "rssi": -66, "data": [*bytes.fromhex(HT)]}, "gw1", "m-schaeffler"),
    ],
)
def test_every_shape_says_the_same(topic: str, payload: object, gateway: str, format_name: str) -> None:
    (advertisement,) = decode_frame(frame(payload, topic), {}).advertisements
    assert (advertisement.sensor, advertisement.rssi, advertisement.values) == (MAC, -66, VALUES)
    assert (advertisement.gateway, advertisement.format) == (gateway, format_name)
    assert (advertisement.measured_at, advertisement.time_source) == (NOW, "arrival")


@pytest.mark.parametrize(
    ("time", "measured_at", "flags"),
    [
        (1759654321460, 1759654321460, ()),
        (None, NOW, ()),
        (1759654321, NOW, ("time_untrusted",)),  # seconds where milliseconds are due
        ("noon", NOW, ("time_untrusted",)),
        (10**400, NOW, ("time_untrusted",)),
        (True, NOW, ("time_untrusted",)),
    ],
)
def test_mschaeffler_time_is_in_milliseconds(time: object, measured_at: int, flags: tuple[str, ...]) -> None:
    payload = {"addr": MAC, "time": time, "data": [*bytes.fromhex(HT)]}
    (advertisement,) = decode_frame(frame(payload, "gw1/ble"), {}).advertisements
    assert (advertisement.measured_at, advertisement.flags) == (measured_at, flags)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (MAC, {"addr": MAC}, "bad_event"),
        (MAC, {"addr": 5, "service_data": DECODED}, "bad_address"),
        (MAC, {"service_data": {"temperature": "warm"}}, "bad_event"),
        ("blegateway/nobody/sensor", DECODED, "bad_address"),
        ("blegateway/7cc6b6bd4cb5/sensor", {"humidity": {}}, "bad_event"),
        ("shelly-blu/events/nobody", DECODED, "bad_address"),
        ("gw1/ble", DECODED, "bad_address"),
        ("gw1/ble", {"addr": MAC, "data": [68, 256]}, "bad_event"),
        ("gw1/ble", {"addr": MAC, "data": [68, 0.5]}, "bad_event"),
        ("gw1/ble", {"addr": MAC, "data": [True]}, "bad_event"),
        ("gw1/ble", {"addr": MAC, "data": [68] * 256}, "bad_event"),
        ("gw1/ble", {"addr": MAC, "data": HT}, "bad_event"),
        ("gw1/ble", {"addr": MAC, "data": []}, "empty"),
    ],
)
def test_topics_of_scripts_with_another_shape_are_dead_letters(topic: str, payload: object, reason: str) -> None:
    found = decode_frame(frame(payload, topic), {})
    assert (reasons(found), found.advertisements) == ([reason], [])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (SECRET_MAC, {"service_data": DECODED}),
        ("blegateway/7cc6b6010203/sensor", DECODED),
        (f"shelly-blu/events/{SECRET_MAC}", DECODED),
        ("gw1/ble", DECODED | {"addr": SECRET_MAC}),
    ],
)
def test_what_a_script_decoded_is_plain_text(topic: str, payload: object) -> None:
    assert reasons(decode_frame(frame(payload, topic), {SECRET_MAC: KEY})) == ["plaintext_refused"]
    assert decode_frame(frame(payload, topic), {}).advertisements
