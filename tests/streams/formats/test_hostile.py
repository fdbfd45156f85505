"""Whatever comes in, nothing is raised, and every word said about it is a declared one."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import decode_advertisement, encode
from schemas.frame import Frame
from streams.formats import REASONS, decode_frame

FRAMES = json.loads((Path(__file__).parents[2] / "data/shelly-frames.json").read_text())
KEYS = {"7c:c6:b6:01:02:03": bytes.fromhex("0123456789abcdef" * 2), "7c:c6:b6:bd:4c:b5": b"short"}

OWN_TOPICS = [
    "gw1/status/bthomesensor:200",
    "gw1/status/bthomedevice:200",
    "gw1/status/script:1",
    "gw1/status/sys",
    "gw1/online",
    "bluflow/house/gw1/rpc",
    "bluflow/reset-counter/7cc6b6bd4cb5",
    "bluflow/reset-counter/",
]
topics = st.sampled_from(sorted({frame["topic"] for frame in FRAMES}) + OWN_TOPICS) | st.text(max_size=40)
names = st.sampled_from(["bluflow", "shelly-blu", "ble.scan_result", "oh-blu.data", "oh-blu.alarm", "other"])
addresses = st.sampled_from(["7c:c6:b6:bd:4c:b5", "7CC6B6010203", "", "zz"]) | st.text(max_size=20)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=30) | addresses
known_fields = [
    "v",
    "d",
    "hb",
    "ver",
    "raw",
    "addr",
    "address",
    "rssi",
    "pid",
    "temperature",
    "button",
    "dimmer",
    "text",
    "addr",
    "service_data",
    "data",
    "time",
    "value",
    "last_updated_ts",
    "errors",
    "running",
    "uptime",
    "sensors",
    "config",
    "obj_id",
    "idx",
    "attrs",
]


def fields(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(known_fields) | st.text(max_size=8), inner, max_size=8)


anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | fields(inner), max_leaves=12)
entries = st.lists(st.tuples(addresses, scalars, scalars, st.binary(max_size=40).map(bytes.hex)), max_size=4)
datas = st.one_of(
    anything,
    fields(anything),
    st.fixed_dictionaries({"v": st.just(1), "d": entries | anything}),
    st.tuples(st.sampled_from([1, 2, 3]), entries | anything),
)
events = st.fixed_dictionaries({"event": names, "data": datas, "ts": scalars}) | anything
envelopes = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["NotifyEvent", "NotifyStatus"]) | scalars,
        "params": st.fixed_dictionaries({"ts": scalars, "events": st.lists(events, max_size=4) | anything}) | anything,
    },
    optional={"src": scalars},
)


components = st.sampled_from(
    ["bthomesensor:203", "bthomedevice:200", "script:1", "sys", "bthome", "switch:0", "bthomesensor:x"]
)
statuses = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["NotifyStatus", "NotifyFullStatus"]),
        "params": st.dictionaries(components, fields(anything) | anything, max_size=6),
    }
)
native_events = st.fixed_dictionaries(
    {
        "component": components,
        "event": st.sampled_from(["single_push", "sensor_update"]),
        "sensors": st.dictionaries(
            st.sampled_from(["69", "46", "1", "58", "30", "999", "x"]),
            st.lists(st.none() | fields(anything), max_size=3) | anything,
        )
        | anything,
        "ts": scalars,
    }
)
answers = st.fixed_dictionaries(
    {
        "src": scalars,
        "result": st.fixed_dictionaries(
            {
                "components": st.lists(
                    st.fixed_dictionaries({"key": components, "config": fields(anything) | anything, "attrs": anything})
                    | anything,
                    max_size=4,
                ),
                "offset": scalars,
                "total": scalars,
                "cfg_rev": scalars,
            }
        ),
    }
)


def check(topic: str, payload: bytes, *, queued: bool = False, retain: bool = False) -> None:
    """Nothing is raised; words are declared; what is good can travel."""
    found = decode_frame(Frame(topic, payload, 1759654322000, queued=queued, retain=retain), KEYS)
    assert all(rejected.reason in REASONS for rejected in found.rejected)
    for advertisement in found.advertisements:
        assert decode_advertisement(encode(advertisement)) == advertisement
        assert isinstance(advertisement.measured_at, int)
    for news in found.news:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(news), type=type(news)) == news
    assert (found.dead_letter is None) or not (found.advertisements or found.news)


@settings(deadline=None)
@given(topic=topics, payload=st.binary(max_size=200), queued=st.booleans(), retain=st.booleans())
def test_random_bytes(topic: str, payload: bytes, queued: bool, retain: bool) -> None:
    check(topic, payload, queued=queued, retain=retain)


@settings(deadline=None)
@given(topic=topics, document=anything | envelopes)
def test_random_json(topic: str, document: object) -> None:
    check(topic, json.dumps(document).encode())


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(document=envelopes, queued=st.booleans(), retain=st.booleans())
def test_random_events_in_a_good_envelope(document: object, queued: bool, retain: bool) -> None:
    check("gw1/events/rpc", json.dumps(document).encode(), queued=queued, retain=retain)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(document=statuses | answers | native_events.map(lambda e: {"method": "NotifyEvent", "params": {"events": [e]}}))
def test_random_news(document: dict[str, Any]) -> None:
    for topic in ("gw1/events/rpc", "bluflow/gw1/rpc"):
        check(topic, json.dumps(document).encode())
    for component, body in document.get("params", {}).items():
        check(f"gw1/status/{component}", json.dumps(body).encode())


@settings(deadline=None)
@given(frame=st.sampled_from(FRAMES), data=st.data())
def test_real_frames_with_one_byte_changed(frame: dict[str, Any], data: st.DataObject) -> None:
    payload = bytearray(json.dumps(frame["payload"]).encode())
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] = data.draw(st.integers(0, 255))
    check(frame["topic"], bytes(payload))
    check(frame["topic"], bytes(payload[:place]))


@settings(deadline=None, max_examples=400)
@given(frame=st.sampled_from([f for f in FRAMES if isinstance(f["payload"], dict)]), data=st.data())
def test_real_frames_with_one_part_replaced(frame: dict[str, Any], data: st.DataObject) -> None:
    document = copy.deepcopy(frame["payload"])
    at: Any = document
    while True:
        place = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
        if not at[place] or not isinstance(at[place], (dict, list)) or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[place]
    at[place] = data.draw(anything)
    check(frame["topic"], json.dumps(document).encode())
