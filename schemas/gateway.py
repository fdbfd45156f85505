"""A gateway as the stream knows it: from its data, its script's heartbeat, its clock; `online` is only a hint."""

import msgspec


class Heartbeat(msgspec.Struct, frozen=True, array_like=True):
    """What our script says of itself each minute. `at` in unix milliseconds (arrival), `uptime` in seconds,
    `memory` in bytes free; the counts are of advertisements since the script's start."""

    at: int
    uptime: int | None
    heard: int | None
    sent: int | None
    dropped: int | None
    memory: int | None


class GatewayState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of the gateways topic, keyed by `prefix`. Times in unix milliseconds. Apply only a higher `revision`.

    `gateway` is the identity, the `src` first seen under this prefix, else the prefix. `skew_ms`: how far its clock is
    ahead of the bridge's, learned; None as long as it is not known. `silent_since`: last frame before the silence that
    the stream's clock has noticed, None while it speaks. `reboots` counts restarts that were noticed.
    """

    gateway: str
    prefix: str
    revision: int
    last_frame: int
    frames: int
    silent_since: int | None = None
    skew_ms: int | None = None
    online: bool | None = None
    online_at: int | None = None
    booted_at: int | None = None
    reboots: int = 0
    heartbeat: Heartbeat | None = None
    # "script:1" -> what it said when it stopped: its errors, or "stopped"
    stopped_scripts: dict[str, str] = {}
    # "bthomedevice:200" -> key_missing_or_bad, decrypt_failed, parse_failed, unencrypted_data
    alarms: dict[str, str] = {}
    flags: tuple[str, ...] = ()  # identity_changed: a frame's src was not the one first seen


class GatewayChange(msgspec.Struct, frozen=True, array_like=True):
    """News of a gateway that ticks carry to all sensors: it fell silent, its last frame being at `at`, or it spoke
    again at `at` (unix milliseconds)."""

    gateway: str
    silent: bool
    at: int


class Clock(msgspec.Struct, frozen=True):
    """How far the stream has come in one advertisements partition: all that arrived before has been folded.

    `watermark` in unix milliseconds; grows, and stands in for a revision.
    """

    partition: int
    watermark: int
