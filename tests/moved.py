"""The recorded frames as gateways would send them now: times moved, each with a gateway and sensors of its own.

A recording speaks of the same few devices again and again; on one stream its frames would be copies of one packet.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

FRAMES: dict[str, dict[str, Any]] = {
    frame["name"]: frame for frame in json.loads((Path(__file__).parent / "data/shelly-frames.json").read_text())
}
_GATEWAY = "a8032abe54dc"  # of nearly all of them
_TIMES = ("ts", "last_updated_ts", "time")
_base64 = re.compile(r'"((?:[A-Za-z0-9+/]{4}){3,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"').sub


class Moved(NamedTuple):
    """One MQTT message; `document` is its payload as JSON."""

    topic: str
    payload: bytes
    document: Any


def place_of(name: str) -> int:
    """The frame's number in the recording, from which its gateway and sensors are named."""
    return list(FRAMES).index(name)


def sensor_of(place: int, number: int = 0) -> str:
    """The sensor that stands for the `number`th one of a frame."""
    return f"7c:c6:b6:00:{place:02x}:{number:02x}"


def gateway_of(place: int) -> str:
    """The gateway that stands for the recorded one."""
    return f"shellypro2-a8032abe{place:04x}"


def untouched(name: str) -> bytes:
    """The payload as it was recorded."""
    payload = FRAMES[name]["payload"]
    if isinstance(payload, str):
        return payload.encode("latin-1" if name.endswith("_latin1") else "utf-8")
    return json.dumps(payload).encode()


def newest(value: Any) -> float:
    """The newest time in it, unix seconds; 0 if it has none that a clock shows."""
    if isinstance(value, list):
        return max(map(newest, value), default=0)
    if not isinstance(value, dict):
        return 0
    return max((_seconds(each) if key in _TIMES else newest(each) for key, each in value.items()), default=0)


def move(name: str, seconds: int, place: int, sensors: list[str]) -> Moved:
    """The frame so many seconds later, from the gateway of `place`; `sensors` are the recorded ones, in order."""
    frame = FRAMES[name]
    topic, text = frame["topic"], json.dumps(_later(frame["payload"], seconds))
    for number, sensor in enumerate(sensors):
        topic, text = (_with_sensor(each, sensor, sensor_of(place, number)) for each in (topic, text))
    topic, text = (each.replace(_GATEWAY, gateway_of(place).partition("-")[2]) for each in (topic, text))
    document = json.loads(text)
    return Moved(topic, document.encode() if isinstance(document, str) else text.encode(), document)


def _later(value: Any, seconds: int) -> Any:
    if isinstance(value, list):
        return [_later(each, seconds) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _moved(each, seconds) if key in _TIMES else _later(each, seconds) for key, each in value.items()}


def _moved(time: Any, seconds: int) -> Any:
    if not _seconds(time):
        return time
    later = time + seconds * (1000 if time > 1e12 else 1)
    return later if isinstance(time, int) else round(later, 2)


def _seconds(time: Any) -> float:
    """Some time of these years, in whichever unit; 0 for what no clock that was set shows."""
    if not isinstance(time, (int, float)):
        return 0
    time = time / 1000 if time > 1e12 else time
    return time if 1e9 < time < 2e9 else 0


def _with_sensor(text: str, old: str, new: str) -> str:
    """Another MAC in every writing: with colons or without, upper or lower case, the bytes reversed, in base64."""
    here, there = (bytes.fromhex(each.replace(":", "")) for each in (old, new))

    def packed(found: re.Match[str]) -> str:
        raw = base64.b64decode(found[1])
        return f'"{base64.b64encode(raw.replace(here[::-1], there[::-1])).decode()}"'

    for one, other in (
        (here.hex(":"), there.hex(":")),
        (here.hex(), there.hex()),
        (here[::-1].hex(), there[::-1].hex()),
    ):
        text = text.replace(one, other).replace(one.upper(), other.upper())
    return _base64(packed, text)
