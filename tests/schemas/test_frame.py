"""A frame's record: its key keeps one gateway's frames together, its headers give the frame back."""

import pytest

from schemas.frame import Frame, frame_key


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("gw1/events/rpc", b"gw1"),
        ("a/house/gw1/events/rpc", b"a/house/gw1"),
        ("a/house/gw1/events/ble", b"a/house/gw1"),
        ("a/house/gw1/ble", b"a/house/gw1"),
        ("a/house/gw1/online", b"a/house/gw1"),
        ("a/house/gw1/rpc", b"a/house/gw1"),
        ("a/house/gw1/command", b"a/house/gw1"),
        ("a/house/gw1/debug/log", b"a/house/gw1"),
        ("a/house/gw1/status/bthomesensor:203", b"a/house/gw1"),
        ("bluflow/gw1/rpc", b"gw1"),
        ("bluflow/a/house/gw1/rpc", b"a/house/gw1"),
        ("bluflow/house/events/rpc", b"house/events"),
        ("bluflow/rpc", b"bluflow"),
        ("etl-1/rpc", b"etl-1"),
        ("7c:c6:b6:bd:4c:b5", b"7c:c6:b6:bd:4c:b5"),
        ("blegateway/7cc6b6bd4cb5/sensor", b"blegateway"),
        ("blegateway/7cc6b6bd4cb5/status", b"blegateway"),
        ("shelly-blu/events/7c:c6:b6:bd:4c:b5", b"shelly-blu"),
        ("bluflow/reset-counter/7c:c6:b6:bd:4c:b5", b"bluflow"),
        ("/events/rpc", b"/events"),
        ("", b""),
    ],
)
def test_key_is_the_gateways_prefix_else_the_first_level(topic: str, key: bytes) -> None:
    assert frame_key(topic) == key


@pytest.mark.parametrize("operator", [False, True])
def test_headers_give_the_frame_back(operator: bool) -> None:
    frame = Frame("gw1/online", b"true", 1759654322000, qos=0, retain=True, dup=True, queued=True, operator=operator)
    assert Frame.from_record(frame.payload, frame.headers()) == frame


def test_a_message_of_the_bridge_is_no_operators_word() -> None:
    assert "operator" not in dict(Frame("gw1/online", b"true", 1).headers())
    headers = [("mqtt-topic", b"t"), ("received-at", b"1"), ("operator", b"0")]
    assert Frame.from_record(b"", headers).operator is False
