"""Freshness: how long a sensor has been silent, measured in its own intervals, and whose fault it seems. Pure.

One verdict for the stream, the API, the metrics and the alerts.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

Freshness = Literal["fresh", "late", "stale", "lost"]
# sensor: it is silent though its gateways speak. gateway: all gateways that heard it are silent too.
# pipeline: the stream has not come so far yet, so nobody can know. clock: it was last seen in the future.
Cause = Literal["sensor", "gateway", "pipeline", "clock"]

INTERVAL_MS = 60_000  # a BLU H&T speaks once a minute
# freshness -> it begins after so many expected intervals of silence
FACTORS: tuple[tuple[Freshness, int], ...] = (("late", 3), ("stale", 5), ("lost", 60))
GATEWAY_SILENT_MS = 120_000  # two heartbeats of our script; below the first factor, so that a cause is known in time
PIPELINE_BEHIND_MS = 90_000  # three ticks
CLOCK_AHEAD_MS = 60_000


class Transition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sensor's freshness changed. `at`: when it did, by the stream's clock, unix milliseconds; never now().

    `cause` is None when it became fresh. With `sensor` and `freshness`, `at` is the transition's identity.
    """

    sensor: str
    at: int
    freshness: Freshness
    previous: Freshness | None
    cause: Cause | None
    last_seen: int | None
    gateway: str | None = None  # the gateway that heard it last


class Verdict(NamedTuple):
    """What to say of a sensor now. `since`: when this freshness began, unix milliseconds; None if never seen."""

    freshness: Freshness
    cause: Cause | None
    since: int | None


def freshness_at(last_seen: int | None, now: int, interval_ms: int = INTERVAL_MS) -> Freshness:
    """Of a sensor last seen then, by the silence alone; a sensor never seen is lost."""
    if last_seen is None:
        return "lost"
    found: Freshness = "fresh"
    for freshness, factor in FACTORS:
        if now - last_seen >= factor * interval_ms:
            found = freshness
    return found


def began(last_seen: int, freshness: Freshness, interval_ms: int = INTERVAL_MS) -> int:
    """When a sensor last seen then became so, if it did not speak again (unix milliseconds)."""
    return last_seen + dict(FACTORS).get(freshness, 0) * interval_ms


def verdict(
    *,
    last_seen: int | None,
    now: int,
    watermark: int | None,
    gateways_silent: Callable[[], bool],
    interval_ms: int = INTERVAL_MS,
) -> Verdict:
    """How a sensor stands. Times in unix milliseconds; `watermark` is how far the stream has come, None if unknown.

    A dead sensor is never shown as alive because the pipeline is behind: the silence counts up to `now`, and the
    cause says that it may be ours. `gateways_silent`: whether every gateway that lately heard the sensor is silent;
    asked only where that decides, as it is about many.
    """
    if last_seen is not None and last_seen - now > CLOCK_AHEAD_MS:
        return Verdict("fresh", "clock", last_seen)
    freshness = freshness_at(last_seen, now, interval_ms)
    since = None if last_seen is None else began(last_seen, freshness, interval_ms)
    if freshness == "fresh":
        return Verdict(freshness, None, since)
    if watermark is None or now - watermark > PIPELINE_BEHIND_MS:
        return Verdict(freshness, "pipeline", since)
    return Verdict(freshness, "gateway" if gateways_silent() else "sensor", since)
