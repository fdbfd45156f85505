"""What a gateway sends, and what it loses on the way."""

from dataclasses import dataclass
from typing import Literal

from shelly.world.air import Heard

# script_full: more waited in the script than it keeps. queue_full: the firmware keeps five. not_kept: it keeps none of
# QoS 0. reboot: whatever waited. mqtt_away: the MQTT broker, in earnest.
Why = Literal["script_full", "queue_full", "not_kept", "reboot", "mqtt_away"]


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message of a gateway, due at `at` (unix milliseconds), and which copies it carries."""

    at: int
    gateway: str
    topic: str
    payload: bytes
    heard: tuple[Heard, ...] = ()
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Lost:
    """Copies that a gateway heard and will never send."""

    at: int
    gateway: str
    why: Why
    heard: tuple[Heard, ...]


Sent = list[Message | Lost]
