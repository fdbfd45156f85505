"""When was it measured: the gateway's time where it can be trusted, else the bridge's. Pure, no clock.

Live frames: the gateway's time holds within -15 min .. +60 s of arrival. Frames that waited for the bridge in the
MQTT broker's queue: back to the outage budget. A retained frame is a state, not news, unless it has a time of its own.
"""

import math

import msgspec

from schemas.advertisement import TimeSource

OUTAGE_BUDGET_MS = 24 * 3600 * 1000
LIVE_BACK_MS = 15 * 60 * 1000
AHEAD_MS = 60 * 1000


class Measured(msgspec.Struct, frozen=True, gc=False):
    """`at` in unix milliseconds. `untrusted`: the frame named a time that was not believed."""

    at: int
    source: TimeSource
    untrusted: bool = False


def measured_time(
    event_ts: object,
    received_at: int,
    *,
    queued: bool,
    retain: bool,
    age_ms: int = 0,
    skew_ms: int = 0,
    budget_ms: int = OUTAGE_BUDGET_MS,
) -> Measured | None:
    """The measured time of something heard `age_ms` before the event; None if it is no new reading at all.

    `event_ts` is what the frame says, unix seconds if all is well; `received_at` is the arrival at the bridge in unix
    milliseconds. `skew_ms` is how far the gateway's clock is known to be ahead. A `ts` that is absent or null is not
    held against the frame: `untrusted` is only for one that says something impossible.
    """
    told = to_milliseconds(event_ts)
    waited = queued or retain
    if told is not None:
        ahead = told - skew_ms - received_at
        if -(budget_ms if waited else LIVE_BACK_MS) <= ahead <= AHEAD_MS:
            return Measured(told - skew_ms - age_ms, "gateway")
    if retain:
        return None
    untrusted = event_ts is not None
    if queued:
        return Measured(received_at, "unknown", untrusted)
    return Measured(received_at - age_ms, "arrival", untrusted)


def to_milliseconds(seconds: object) -> int | None:
    """Unix seconds -> integer milliseconds, halves up; None if it is no time a gateway can mean."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e11:
        return None
    return math.floor(seconds * 1000 + 0.5)
