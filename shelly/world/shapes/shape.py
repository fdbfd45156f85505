"""What tells one script from another, and the JSON around what it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shelly.world.air import Heard
from shelly.world.beacon import Beacon

_encode = msgspec.json.Encoder().encode

Written = tuple[str, bytes]  # topic, payload


@dataclass(frozen=True, slots=True)
class Shape:
    """A script: how it writes, how long it collects (milliseconds), how many at most, and what it filters.

    `write` takes the gateway's name, the time that its clock tells, how many events it has sent and the copies, their
    times by the same clock; it gives None for what the script drops. `copy_of` gives what a packet is remembered under
    and what is remembered of it: the same again is not passed on, within `same` milliseconds if given. `keeps` may wait
    in the script; it `holds` them while MQTT is away, else the firmware's queue gets them. `carries`: whether a packet
    that it writes of can be read from that.
    """

    write: Callable[[str, int, int, Sequence[Heard]], Written | None]
    wait: int = 0
    most: int = 1
    keeps: int = 32
    holds: bool = False
    qos: int = 1
    carries: Callable[[Beacon], bool] = lambda beacon: True
    copy_of: Callable[[Beacon], tuple[str, object]] | None = None
    same: int | None = None


def notify_event(gateway: str, at: int, event: str, data: Any) -> Written:
    """A script's `Shelly.emitEvent` as it comes out on MQTT."""
    ts = round(at / 1000, 2)
    entry = {"component": "script:1", "id": 1, "event": event, "data": data, "ts": ts}
    return notify(gateway, at, "NotifyEvent", {"events": [entry]})


def notify(gateway: str, at: int, method: str, params: dict[str, Any]) -> Written:
    """A notification of the gateway's; `at` by its clock, unix milliseconds."""
    frame = {
        "src": gateway,
        "dst": f"{gateway}/events",
        "method": method,
        "params": {"ts": round(at / 1000, 2), **params},
    }
    return f"{gateway}/events/rpc", as_json(frame)


def heartbeat(gateway: str, at: int, *, up: int, heard: int, sent: int, dropped: int = 0) -> Written:
    """Our script's sign of life; `up` in seconds."""
    counts = {"up": up, "heard": heard, "sent": sent, "dropped": dropped, "mem": 18432}
    return notify_event(gateway, at, "bluflow", {"v": 1, "hb": counts})


def as_json(value: object) -> bytes:
    """As a device writes it."""
    return _encode(value)
