"""Native components: status, events and inventory become news, each part alone, values as the packet has them."""

import json
from typing import Any

import pytest

from schemas.frame import Frame
from streams.formats import DecodedFrame, decode_frame
from streams.formats.bthome import decode
from streams.formats.inventory import MAX_COMPONENTS
from streams.formats.native_value import native_value
from streams.formats.news import (
    Component,
    DeviceStatus,
    DeviceValues,
    Inventory,
    News,
    Online,
    ScriptStatus,
    SensorStatus,
    Uptime,
)

NOW = 1759654322000
TS, AT = 1759654321, 1759654321000
MAC = "7c:c6:b6:bd:4c:b5"
SENSOR, DEVICE = "bthomesensor:203", "bthomedevice:200"


def read(topic: str, payload: object, **given: Any) -> DecodedFrame:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode_frame(Frame(topic, raw, NOW, **given), {})


def status(method: str = "NotifyStatus", **components: object) -> DecodedFrame:
    params = {"ts": TS + 0.46} | {name.replace("_", ":"): body for name, body in components.items()}
    return read("house/gw1/events/rpc", {"src": "gw1", "method": method, "params": params})


def event(**element: object) -> DecodedFrame:
    params = {"ts": TS, "events": [{"component": DEVICE, "ts": TS + 0.5} | element]}
    return read("gw1/events/rpc", {"src": "gw1", "method": "NotifyEvent", "params": params})


def page(*components: object, **result: object) -> DecodedFrame:
    return read("bluflow/house/gw1/rpc", {"src": "gw1", "result": {"components": [*components]} | result})


def bad(found: DecodedFrame) -> int:
    """How many parts were refused, for being no part of a frame."""
    assert {rejected.reason for rejected in found.rejected} <= {"bad_event", "bad_address"}
    return len(found.rejected)


# --- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "body", "news"),
    [
        (SENSOR, {"value": 22.3, "last_updated_ts": TS}, SensorStatus(SENSOR, 22.3, AT)),
        (SENSOR, {"value": False, "last_updated_ts": TS}, SensorStatus(SENSOR, False, AT)),
        (SENSOR, {"value": "text", "last_update_ts": TS}, SensorStatus(SENSOR, "text", AT)),
        (SENSOR, {"last_updated_ts": TS}, SensorStatus(SENSOR, updated_at=AT)),
        (SENSOR, {"value": 5, "last_updated_ts": None}, SensorStatus(SENSOR, 5, None)),
        (DEVICE, {"rssi": -66, "last_updated_ts": TS}, DeviceStatus(DEVICE, AT, -66)),
        (DEVICE, {"battery": 100, "packet_id": 78.0}, DeviceStatus(DEVICE, battery=100, packet_id=78)),
        (DEVICE, {"battery": 256, "packet_id": True, "rssi": -3}, DeviceStatus(DEVICE, rssi=-3)),
        (DEVICE, {"errors": ["parse_failed", 5, "x" * 99]}, DeviceStatus(DEVICE, errors=("parse_failed", "x" * 64))),
        (DEVICE, {"errors": ["e"] * 9}, DeviceStatus(DEVICE, errors=("e",) * 8)),
        (DEVICE, {"errors": None}, DeviceStatus(DEVICE, errors=())),
        ("script:3", {"running": True}, ScriptStatus("script:3", True)),
        ("script:3", {"running": False, "errors": ["oom"]}, ScriptStatus("script:3", False, ("oom",))),
        ("sys", {"uptime": 77}, Uptime(77)),
    ],
)
def test_status_is_news(component: str, body: dict[str, object], news: News) -> None:
    parts: dict[str, Any] = {component.replace(":", "_"): {"id": 1} | body}
    found = status(**parts)
    assert (found.news, found.advertisements, found.rejected) == ([news], [], [])
    assert (found.gateway, found.ts) == ("gw1", AT + 460)


@pytest.mark.parametrize(
    ("component", "body"),
    [
        (SENSOR, None),
        (SENSOR, {"value": None, "last_updated_ts": TS}),
        (SENSOR, {}),
        (DEVICE, {"paired": True}),
        ("script:1", {"mem_free": 5}),
        ("sys", {"uptime": -1}),
        ("sys", {"uptime": True}),
        ("system", {"uptime": 5}),
        ("switch:0", {"output": True}),
        ("bthome", {"errors": ["observer_disabled"]}),
        ("bthomesensor:x", {"value": 5}),
        ("bthomesensor:203\n", {"value": 5}),
        ("bthomesensor", {"value": 5}),
    ],
)
def test_what_says_nothing_is_no_news(component: str, body: object) -> None:
    params = {"ts": TS, component: body}
    found = read("gw1/events/rpc", {"src": "gw1", "method": "NotifyStatus", "params": params})
    assert (found.news, found.rejected) == ([], [])


def test_a_whole_status_says_that_errors_are_gone() -> None:
    body = {"id": 200, "rssi": -70}
    assert status(bthomedevice_200=body).news == [DeviceStatus(DEVICE, rssi=-70)]
    whole = [DeviceStatus(DEVICE, rssi=-70, errors=())]
    assert status("NotifyFullStatus", bthomedevice_200=body).news == whole
    assert read(f"house/gw1/status/{DEVICE}", body).news == whole


def test_a_status_topic_has_no_envelope() -> None:
    found = read(f"house/gw1/status/{SENSOR}", {"id": 203, "value": 22.3, "last_updated_ts": TS}, retain=True)
    assert (found.news, found.gateway) == ([SensorStatus(SENSOR, 22.3, AT)], "house/gw1")
    assert bad(read(f"house/gw1/status/{SENSOR}", [5])) == 1


@pytest.mark.parametrize("wrong", [5, [], "x", {"value": {}}, {"value": [1]}, {"value": 1e300}, {"value": "x" * 256}])
def test_a_bad_component_never_loses_its_neighbours(wrong: object) -> None:
    found = status(bthomesensor_202=wrong, bthomesensor_203={"value": 1, "last_updated_ts": TS})
    assert found.news == [SensorStatus(SENSOR, 1, AT)]
    assert bad(found) == 1
    assert found.dead_letter is None


def test_components_are_bounded() -> None:
    parts: dict[str, Any] = {f"bthomesensor_{n}": {"value": n} for n in range(400)}
    found = status(**parts)
    assert (len(found.news), bad(found)) == (300, 1)


def test_online_is_true_or_false() -> None:
    assert read("gw1/online", b"true", retain=True).news == [Online(True)]
    assert read("gw1/online", b"false").news == [Online(False)]


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("single_push", 1, "press"),
        ("double_push", 2, "double_press"),
        ("triple_push", 3, "triple_press"),
        ("long_push", 4, "long_press"),
    ],
)
def test_a_push_is_a_button_as_the_packet_has_it(name: str, code: int, word: str) -> None:
    found = event(event=name, idx=0)
    assert found.news == [DeviceValues(DEVICE, {"button": {"event": word, "raw": code}}, AT + 500)]
    (pushed,) = found.news
    assert isinstance(pushed, DeviceValues)
    assert pushed.values == decode(bytes([0x44, 0x3A, code])).values


def test_a_map_of_sensors_gives_values_by_property() -> None:
    slots = {"1": 100, "46": 63, "69": 22, "30": 1}
    sensors = {key: [{"id": 200, "value": value, "last_updated_ts": TS}] for key, value in slots.items()}
    values = {"battery": 100, "humidity": 63, "temperature": 22.0, "light": True}
    assert event(event="any", sensors=sensors).news == [DeviceValues(DEVICE, values, AT)]


def test_several_slots_are_a_repeated_property() -> None:
    slots = [{"value": 4.04, "last_updated_ts": TS - 60}, None, {"value": 23, "last_updated_ts": TS}, {"value": None}]
    assert event(event="any", sensors={"2": slots}).news == [DeviceValues(DEVICE, {"temperature": [4.04, 23.0]}, AT)]


def test_bad_slots_never_lose_their_neighbours() -> None:
    sensors = {"69": [5, {"value": "warm"}, {"value": 22.3}], "999": [{"value": 1}], "x": [{"value": 1}], "46": {}}
    found = event(event="any", sensors=sensors)
    assert found.news == [DeviceValues(DEVICE, {"temperature": 22.3}, AT + 500)]
    assert bad(found) == 3


@pytest.mark.parametrize(
    "element", [{"sensors": None}, {"sensors": []}, {}, {"component": "bthomedevice:"}, {"component": None}]
)
def test_an_event_without_values_is_no_news(element: dict[str, object]) -> None:
    found = event(**({"event": "any"} | element))
    assert (found.news, found.rejected) == ([], [])


# --- inventory --------------------------------------------------------------------------------------------------------

GOOD = {"key": SENSOR, "config": {"id": 203, "addr": MAC.upper(), "obj_id": 69, "idx": 1}}


def test_a_page_says_what_native_ids_mean() -> None:
    device = {"key": DEVICE, "config": {"addr": MAC}, "attrs": {"model_id": 3}}
    found = page(device, {"key": "switch:0"}, GOOD, offset=3, total=9, cfg_rev=28)
    components = (Component(DEVICE, MAC, None, 0, 3), Component(SENSOR, MAC, 69, 1))
    assert found.news == [Inventory(components, 3, 3, 9, 28)]
    assert (found.gateway, found.rejected) == ("gw1", [])


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"key": SENSOR},
        {"key": SENSOR, "config": {"addr": "?", "obj_id": 1}},
        {"key": SENSOR, "config": {"addr": MAC}},
        {"key": SENSOR, "config": {"addr": MAC, "obj_id": 300}},
        {"key": SENSOR, "config": {"addr": MAC, "obj_id": "69"}},
        {"key": DEVICE, "config": None},
    ],
)
def test_a_bad_entry_never_loses_its_neighbours(wrong: object) -> None:
    found = page(wrong, GOOD)
    assert found.news == [Inventory((Component(SENSOR, MAC, 69, 1),), 0, 2, 2)]
    assert bad(found) == 1


def test_odd_numbers_of_a_page_are_not_believed() -> None:
    assert page(GOOD, offset=-1, total="9", cfg_rev=2.5).news == [Inventory((Component(SENSOR, MAC, 69, 1),), 0, 1, 1)]


def test_a_page_is_bounded() -> None:
    assert len(page(*[{"key": "switch:0"}] * MAX_COMPONENTS).news) == 1
    found = page(*[{"key": "switch:0"}] * (MAX_COMPONENTS + 1))
    assert (found.news, bad(found)) == ([], 1)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service_data", "obj_id", "native"),
    [
        ("4445df00", 69, 22.3),
        ("4445df00", 69, 22.300000000000004),
        ("4445dc00", 69, 22),
        ("4445ffff", 69, -0.1),
        ("442e3f", 46, 63.0),
        ("4403bf13", 3, 50.55),
        ("440164", 1, 100),
        ("441e01", 30, True),
        ("441e00", 30, 0),
        ("443a80", 58, 128),
        ("445302414f", 83, "AO"),
        ("44070000", 7, 0),
    ],
)
def test_a_native_value_is_the_packets_own(service_data: str, obj_id: int, native: object) -> None:
    ((name, value),) = decode(bytes.fromhex(service_data)).values.items()
    found = native_value(obj_id, native)
    assert found == (name, value)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize(
    ("obj_id", "value"),
    [(69, "22"), (69, None), (30, 2), (30, "on"), (58, 300), (83, 5), (59, 1), (999, 1), (-1, 1), (69, 1e300), (1, [])],
)
def test_a_value_of_another_kind_is_none(obj_id: int, value: object) -> None:
    assert native_value(obj_id, value) is None
