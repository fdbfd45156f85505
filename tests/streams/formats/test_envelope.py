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


def says_nothing(found: DecodedFrame) -> bool:
    return not (found.advertisements or found.rejected or found.news or found.resets)


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
        (TOPIC, notify(event("ota_progress", None), {"event": "component_added", "component": "bthome"})),
        (TOPIC, b""),
        ("gw1/status/switch:0", {"id": 0}),
        ("gw1/status/switch:0", b"null"),
        ("a/b/status/bthomesensor:200", {"id": 200, "value": None}),
        ("etl-1/rpc", {"id": 7, "src": "gw1", "dst": "etl-1", "result": {}}),
        ("etl-1/rpc", {"id": 7, "src": "gw1", "dst": "etl-1", "error": {"code": 404, "message": "No handler"}}),
        ("gw1/rpc", {"id": 7, "src": "etl-1", "method": "Shelly.GetComponents"}),
        ("blegateway/7cc6b6bd4cb5/telemetry", b"up"),
        ("blegateway/7cc6b6bd4cb5/status", b"online"),
        ("gw1/debug/log", b"\xff boot"),
        ("gw1/command", b"status_update"),
        ("nobody/knows", b""),
    ],
)
def test_a_valid_frame_without_a_reading_gives_nothing(topic: str, payload: object) -> None:
    assert says_nothing(decode_frame(frame(payload, topic), {}))


@pytest.mark.parametrize(
    ("topic", "payload", "gateway"),
    [
        ("gw1/status/switch:0", {"id": 0}, "gw1"),
        ("house/gw1/online", b"true", "house/gw1"),
        (TOPIC, notify(), "gw1"),
        ("bluflow/house/gw1/rpc", {"src": "gw1", "result": {}}, "gw1"),
        ("bluflow/house/gw1/rpc", {"result": {}}, "house/gw1"),
        ("gw1/rpc", {"id": 7, "src": "etl-1", "method": "Shelly.GetComponents"}, ""),
        ("gw1/command", b"status_update", ""),
        (TOPIC, b"", ""),
    ],
)
def test_who_sent_a_frame(topic: str, payload: object, gateway: str) -> None:
    assert decode_frame(frame(payload, topic), {}).gateway == gateway


def test_the_frames_own_time_is_told_as_the_gateway_has_it() -> None:
    assert decode_frame(frame(notify()), {}, skew_ms=5000).ts == 1759654321460
    assert decode_frame(frame({"method": "NotifyStatus", "params": {"ts": 1759654321}}), {}).ts == 1759654321000
    assert decode_frame(frame({"method": "NotifyStatus", "params": {"ts": "noon"}}), {}).ts is None
    assert decode_frame(frame(b"true", "gw1/online"), {}).ts is None


def test_the_next_index_is_free() -> None:
    good, bad = event("shelly-blu", blu(humidity=40)), event("shelly-blu", 5)
    found = decode_frame(frame(notify(bad, good, bad)), {})
    assert (found.advertisements[0].at.index, found.next_index) == (1, 3)
    assert decode_frame(frame(notify()), {}).next_index == 0


def test_a_gateways_name_is_bounded() -> None:
    long = "g" * 301
    assert reasons(decode_frame(frame(notify(src=long)), {})) == ["bad_envelope"]
    assert reasons(decode_frame(frame(b"true", f"{long}/online"), {})) == ["bad_envelope"]
    assert decode_frame(frame(b"true", f"{long[1:]}/online"), {}).gateway == long[1:]


def test_only_an_operator_resets_a_counter() -> None:
    topic = "bluflow/reset-counter/7CC6B6BD4CB5"
    assert decode_frame(frame(b"", topic, operator=True), {}).resets == [MAC]
    assert decode_frame(frame(b"any", topic, operator=True), {}).resets == [MAC]
    for payload in (b"", b"any"):
        forged = decode_frame(frame(payload, topic), {})
        assert (reasons(forged), forged.resets) == (["unknown_topic"], [])
    assert reasons(decode_frame(frame(b"", "bluflow/reset-counter/me", operator=True), {})) == ["bad_address"]


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
        ("/online", b"true", "unknown_topic"),
        ("gw1/online", b"maybe", "bad_envelope"),
        ("7c:c6:b6:bd:4c:b5", b"[]", "bad_envelope"),
        ("7c:c6:b6:bd:4c", b"{}", "unknown_topic"),
        ("blegateway/7cc6b6bd4cb5", b"{}", "unknown_topic"),
        ("blegateway/7cc6b6bd4cb5/other", b"{}", "unknown_topic"),
        ("home/OMG_BLE/BTtoMQTT/7CC6B6BD4CB5", b"{}", "unknown_topic"),
    ],
)
def test_a_frame_that_cannot_be_read_is_a_dead_letter(topic: str, payload: object, reason: str) -> None:
    found = decode_frame(frame(payload, topic), {})
    assert reasons(found) == [reason]
    assert found.dead_letter == found.rejected[0]


def test_depth_within_the_bound_is_read() -> None:
    deep = b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2)
    payload = b'{"method":"NotifyEvent","x":%s,"params":{"events":[]}}' % deep
    assert says_nothing(decode_frame(frame(payload), {}))
