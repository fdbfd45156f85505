"""Whatever comes in, nothing is raised, and every word said about it is a declared one."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import decode_advertisement, encode
from schemas.frame import Frame
from streams.formats import REASONS, decode_frame

FRAMES = json.loads((Path(__file__).parents[2] / "data/shelly-frames.json").read_text())
KEYS = {"7c:c6:b6:01:02:03": bytes.fromhex("0123456789abcdef" * 2), "7c:c6:b6:bd:4c:b5": b"short"}

topics = st.sampled_from(sorted({frame["topic"] for frame in FRAMES})) | st.text(max_size=40)
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


def check(topic: str, payload: bytes, *, queued: bool = False, retain: bool = False) -> None:
    """Nothing is raised; words are declared; what is good can travel."""
    found = decode_frame(Frame(topic, payload, 1759654322000, queued=queued, retain=retain), KEYS)
    assert all(rejected.reason in REASONS for rejected in found.rejected)
    for advertisement in found.advertisements:
        assert decode_advertisement(encode(advertisement)) == advertisement
        assert isinstance(advertisement.measured_at, int)


@given(topic=topics, payload=st.binary(max_size=200), queued=st.booleans(), retain=st.booleans())
def test_random_bytes(topic: str, payload: bytes, queued: bool, retain: bool) -> None:
    check(topic, payload, queued=queued, retain=retain)


@given(topic=topics, document=anything | envelopes)
def test_random_json(topic: str, document: object) -> None:
    check(topic, json.dumps(document).encode())


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(document=envelopes, queued=st.booleans(), retain=st.booleans())
def test_random_events_in_a_good_envelope(document: object, queued: bool, retain: bool) -> None:
    check("gw1/events/rpc", json.dumps(document).encode(), queued=queued, retain=retain)


@given(frame=st.sampled_from(FRAMES), data=st.data())
def test_real_frames_with_one_byte_changed(frame: dict[str, Any], data: st.DataObject) -> None:
    payload = bytearray(json.dumps(frame["payload"]).encode())
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] = data.draw(st.integers(0, 255))
    check(frame["topic"], bytes(payload))
    check(frame["topic"], bytes(payload[:place]))


@settings(max_examples=400)
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
