"""The frame around the events: strict JSON, bounded, every event alone, every topic known or refused."""

import json
from typing import Any

import pytest

from schemas.frame import Frame
from streams.formats import REASONS, DecodedFrame, decode_frame
from streams.formats.envelope import MAX_BYTES, MAX_DEPTH

TOPIC = "a/house/gw1/events/rpc"
NOW = 1759654322000
MAC = "7c:c6:b6:bd:4c:b5"


def frame(payload: object, topic: str = TOPIC, **given: Any) -> Frame:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Frame(topic, raw, NOW, **given)


def event(name: str, data: object, ts: object = 1759654321.46) -> dict[str, object]:
    return {"component": "script:1", "id": 1, "event": name, "data": data, "ts": ts}


def notify(*events: object, **outer: object) -> dict[str, object]:
    return {"src": "gw1", "method": "NotifyEvent", "params": {"ts": 1759654321.46, "events": list(events)}} | outer


def reasons(found: DecodedFrame) -> list[str]:
    assert all(rejected.reason in REASONS for rejected in found.rejected)
    return [rejected.reason for rejected in found.rejected]


def blu(**fields: object) -> dict[str, object]:
    return {"encryption": False, "BTHome_version": 2, "rssi": -60, "address": MAC} | fields


def test_events_are_read_alone() -> None:
    good = event("shelly-blu", blu(humidity=40))
    found = decode_frame(frame(notify(None, [], 5, {"ts": 1}, {"event": 7}, event("switch", {}), good)), {})
    assert reasons(found) == ["bad_event", "bad_event", "bad_event"]
    assert [a.values for a in found.advertisements] == [{"humidity": 40}]


def test_an_event_without_a_time_has_its_frames() -> None:
    found = decode_frame(frame(notify({"event": "shelly-blu", "data": blu(humidity=40)})), {})
    assert found.advertisements[0].measured_at == 1759654321460


@pytest.mark.parametrize(
    ("src", "gateway"), [("gw9", "gw9"), (None, "a/house/gw1"), ("", "a/house/gw1"), (5, "a/house/gw1")]
)
def test_gateway_is_src_else_the_topics_prefix(src: object, gateway: str) -> None:
    found = decode_frame(frame(notify(event("shelly-blu", blu(humidity=40)), src=src)), {})
    assert found.advertisements[0].gateway == gateway


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, {"src": "gw1", "method": "NotifyStatus", "params": {"ts": 1.0, "switch:0": {"id": 0}}}),
        (TOPIC, {"src": "gw1", "method": "NotifyFullStatus", "params": {"ts": None}}),
        (TOPIC, notify()),
        (TOPIC, notify(event("ota_progress", None), {"event": "single_push", "component": "bthomedevice:200"})),
        (TOPIC, b""),
        ("gw1/online", b"true"),
        ("gw1/status/switch:0", {"id": 0}),
        ("a/b/status/bthomedevice:200", {"id": 200}),
        ("etl-1/rpc", {"id": 7, "src": "gw1", "dst": "etl-1", "result": {}}),
        ("gw1/debug/log", b"\xff boot"),
        ("gw1/command", b"status_update"),
        ("nobody/knows", b""),
    ],
)
def test_a_valid_frame_without_a_reading_gives_nothing(topic: str, payload: object) -> None:
    assert decode_frame(frame(payload, topic), {}) == DecodedFrame([], [])


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("nobody/knows", {}, "unknown_topic"),
        ("/events/rpc", notify(), "unknown_topic"),
        ("/status/x", b"{}", "unknown_topic"),
        (TOPIC, b"[1]", "bad_envelope"),
        (TOPIC, b"{}", "bad_envelope"),
        (TOPIC, {"method": 5, "params": {}}, "bad_envelope"),
        (TOPIC, {"method": "NotifyEvent", "params": []}, "bad_envelope"),
        (TOPIC, {"method": "NotifyEvent", "params": {"events": None}}, "bad_envelope"),
        (TOPIC, b'{"method":"NotifyEvent","params":{"ts":1e999,"events":[]}}', "not_json"),
        (TOPIC, b'{"method":"NotifyEvent","params":{"ts":-Infinity,"events":[]}}', "not_json"),
        (TOPIC, b'{"src":"\xff"}', "not_utf8"),
        (TOPIC, b'{"src":"\\ud800"}', "not_json"),
        (TOPIC, b" " * (MAX_BYTES + 1), "too_large"),
        (TOPIC, b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "too_large"),
        (TOPIC, b"[" * 30000 + b"]" * 30000, "too_large"),
        ("gw1/status/switch:0", b"{", "not_json"),
        ("gw1/rpc", b"\xff", "not_utf8"),
    ],
)
def test_a_frame_that_cannot_be_read_is_a_dead_letter(topic: str, payload: object, reason: str) -> None:
    found = decode_frame(frame(payload, topic), {})
    assert reasons(found) == [reason]
    assert found.dead_letter == found.rejected[0]


def test_depth_within_the_bound_is_read() -> None:
    deep = b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2)
    payload = b'{"method":"NotifyEvent","x":%s,"params":{"events":[]}}' % deep
    assert decode_frame(frame(payload), {}) == DecodedFrame([], [])
