"""When a sensor fell silent and when it spoke again: a function of what was heard, not of the order it came in. Pure.

The machine of a sensor goes through its hearings in order of time, `JUDGED_AFTER_MS` behind the watermark: what is
measured later than that before the newest tick of its own raw partition is always ahead of the machine, however the
partitions are interleaved; what is older is late and refreshes nothing. While the bridge was away nobody listened, and
silence is counted from the end of that gap.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from schemas.freshness import FACTORS, GATEWAY_SILENT_MS, INTERVAL_MS, Cause, Freshness, Transition

# Frames come some seconds late, and that a gateway is silent is known two minutes and a tick after its last frame,
# which may be a minute younger than the sensor's.
JUDGED_AFTER_MS = 60_000
# How far back a gap in listening counts for a deadline.
GAPS_COUNT_MS = 24 * 3_600_000
LATELY_INTERVALS = 10  # a gateway that heard the sensor within so many is one of its gateways
MAX_HEARINGS = 512  # of one gateway, thinned: the machine stands still for most of a day before one is forgotten
MAX_GATEWAYS = 32

_WORDS: tuple[Freshness, ...] = ("fresh", *(word for word, _ in FACTORS))
# freshness -> what comes after it, and after how many intervals of silence
_NEXT: dict[Freshness, tuple[Freshness, int]] = dict(zip(_WORDS, FACTORS, strict=False))
_FIRST_FACTOR = FACTORS[0][1]


class Silence(msgspec.Struct, array_like=True):
    """Where the machine of one sensor stands. Times in unix milliseconds.

    `since`: the silence is counted from here. `last`: newest hearing passed. `hearings`: gateway -> when it heard the
    sensor, ascending: those still ahead of the machine, and the newest it has passed.
    """

    freshness: Freshness | None = None
    since: int = 0
    last: int = 0
    hearings: dict[str, list[int]] = {}


class Listening(NamedTuple):
    """What the stream's clock knows: gaps in listening (start, end), and the silences of gateways, each
    [last frame, the tick that told, first frame afterwards or 0]."""

    gaps: Sequence[tuple[int, int]] = ()
    silences: Mapping[str, Sequence[Sequence[int]]] = {}


class Step(NamedTuple):
    """A change: when, to what, from what, and the newest hearing then."""

    at: int
    freshness: Freshness
    previous: Freshness | None
    last: int


def hear(silence: Silence, gateway: str, measured_at: int, ticked: int, interval_ms: int = INTERVAL_MS) -> bool:
    """Take a hearing in; False if it is late. `ticked`: newest tick of the raw partition that it came through."""
    if measured_at <= ticked - JUDGED_AFTER_MS:
        return False
    times = silence.hearings.get(gateway)
    if times is None:
        if len(silence.hearings) >= MAX_GATEWAYS:
            del silence.hearings[min(silence.hearings, key=lambda name: silence.hearings[name][-1])]
        silence.hearings[gateway] = [measured_at]
        return True
    place = len(times)
    while place and times[place - 1] > measured_at:
        place -= 1
    times.insert(place, measured_at)
    _thin(times, place, _FIRST_FACTOR * interval_ms)
    return True


def _thin(times: list[int], place: int, close: int) -> None:
    """Drop what stands around `place` between two hearings so close to each other that no deadline fits between."""
    for middle in range(min(place + 1, len(times) - 2), max(place - 2, 0), -1):
        if times[middle + 1] - times[middle - 1] < close:
            del times[middle]
    if len(times) > MAX_HEARINGS:
        del times[0]


def run(
    silence: Silence, upto: int, listening: Listening, interval_ms: int = INTERVAL_MS
) -> tuple[list[Step], Freshness | None, int, int]:
    """The machine up to and including that time: its steps, then the freshness, since and last it comes to."""
    freshness, since, last = silence.freshness, silence.since, silence.last
    steps: list[Step] = []
    passed = sorted({time for times in silence.hearings.values() for time in times if last < time <= upto})
    for hearing in (*passed, None):
        while freshness is not None and freshness in _NEXT:
            word, factor = _NEXT[freshness]
            deadline = since + factor * interval_ms
            if deadline > upto or (hearing is not None and deadline >= hearing):
                break
            heard_again = _end_of_gap(listening.gaps, since, deadline)
            if heard_again > since:
                since = heard_again
                continue
            steps.append(Step(deadline, word, freshness, last))
            freshness = word
        if hearing is not None:
            if freshness != "fresh":
                steps.append(Step(hearing, "fresh", freshness, hearing))
            freshness, since, last = "fresh", hearing, hearing
    return steps, freshness, since, last


def _end_of_gap(gaps: Sequence[tuple[int, int]], since: int, deadline: int) -> int:
    """The newest end of a gap in listening that fell into the silence; 0 if there is none."""
    return max(
        (end for start, end in gaps if start < deadline and end > since and end > deadline - GAPS_COUNT_MS), default=0
    )


def settle(
    sensor: str, silence: Silence, upto: int, listening: Listening, interval_ms: int = INTERVAL_MS
) -> tuple[list[Transition], int | None]:
    """The transitions up to that time, and when to look again (None: only after another hearing).

    The state goes on only if there are any, so that looking changes nothing.
    """
    steps, freshness, since, last = run(silence, upto, listening, interval_ms)
    again = _next(silence, upto, freshness, since, interval_ms)
    if not steps:
        return [], again
    transitions = [_transition(sensor, step, silence.hearings, listening, interval_ms) for step in steps]
    _go_on(silence, freshness, since, last)
    return transitions, again


def wake(silence: Silence, interval_ms: int = INTERVAL_MS) -> int | None:
    """When to look at a state just read, or one that has just heard something: not later than it may have a step."""
    return _next(silence, silence.last, silence.freshness, silence.since, interval_ms)


def _next(silence: Silence, upto: int, freshness: Freshness | None, since: int, interval_ms: int) -> int | None:
    ahead = sorted([time for times in silence.hearings.values() for time in times if time > upto])
    if freshness == "fresh":
        patience = _FIRST_FACTOR * interval_ms
        for time in ahead:
            if time >= since + patience:
                break
            since = time
        return since + patience
    deadline = since + _NEXT[freshness][1] * interval_ms if freshness is not None and freshness in _NEXT else None
    return min((time for time in (deadline, *ahead[:1]) if time is not None), default=None)


def tidy(silence: Silence, upto: int, listening: Listening, interval_ms: int = INTERVAL_MS) -> None:
    """Let go of hearings that the machine may pass without a step. Part of a fold, which changes the state anyhow."""
    steps, freshness, since, last = run(silence, upto, listening, interval_ms)
    if not steps:
        _go_on(silence, freshness, since, last)


def _go_on(silence: Silence, freshness: Freshness | None, since: int, last: int) -> None:
    silence.freshness, silence.since, silence.last = freshness, since, last
    for gateway, times in silence.hearings.items():
        if times[0] < last:
            ahead = [time for time in times if time > last]
            silence.hearings[gateway] = [max(time for time in times if time <= last), *ahead]


def _transition(
    sensor: str, step: Step, hearings: Mapping[str, Sequence[int]], listening: Listening, interval_ms: int
) -> Transition:
    """The step with its cause: every gateway that heard the sensor lately was silent by then, as far as was told."""
    newest = {
        gateway: max((time for time in times if time <= step.last), default=0) for gateway, times in hearings.items()
    }
    lately = [name for name, time in newest.items() if time and time >= step.last - LATELY_INTERVALS * interval_ms]
    cause: Cause | None = None
    if step.freshness != "fresh":
        silences = listening.silences
        silent = bool(lately) and all(_is_silent(silences.get(name, ()), step.at, newest[name]) for name in lately)
        cause = "gateway" if silent else "sensor"
    return Transition(
        sensor=sensor,
        at=step.at,
        freshness=step.freshness,
        previous=step.previous,
        cause=cause,
        last_seen=step.last,
        gateway=max(lately, key=lambda name: (newest[name], name), default=None),
    )


def _is_silent(silences: Sequence[Sequence[int]], at: int, heard: int) -> bool:
    """At that time, by ticks of no later than all raw partitions have brought when it is judged.

    A gateway that brought a packet after its silence began speaks, under another prefix perhaps.
    """
    return any(
        last_frame <= at
        and heard < last_frame + GATEWAY_SILENT_MS
        and told <= at + JUDGED_AFTER_MS
        and (not returned or returned > at)
        for last_frame, told, returned in silences
    )
