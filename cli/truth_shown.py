"""Verdicts about a world's sensors as a table, and the first of what is not right."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.times import rfc3339
from cli.table import table
from cli.truth_compared import Held, Verdict
from shelly.world.truth import Sent

_HEAD = ("sensor", "sent", "heard", "published", "owed", "found", "partial", "missing", "twice", "wrong", "")
_MOST = 10  # of what is not right, each kind


def show(verdicts: Sequence[Verdict], *, everything: bool) -> list[str]:
    """Lines to print: sensors that are not right, or all, their sum, then what is missing, there twice or wrong."""
    shown = [verdict for verdict in verdicts if everything or not verdict.is_right]
    rows = [(verdict.sensor, *map(str, _counts(verdict)), _word(verdict)) for verdict in shown]
    sums = [sum(column) for column in zip(*map(_counts, verdicts), strict=True)]
    right = all(verdict.is_right for verdict in verdicts)
    total = (f"all {len(verdicts)}", *map(str, sums), "right" if right else "NOT RIGHT")
    return [*table([_HEAD, *rows, total]), *_details(verdicts)]


def _counts(verdict: Verdict) -> tuple[int, ...]:
    faults = len(verdict.missing), len(verdict.duplicated), len(verdict.wrong)
    return *verdict[1:7], *faults


def _word(verdict: Verdict) -> str:
    return "right" if verdict.is_right else "NOT RIGHT"


def _details(verdicts: Sequence[Verdict]) -> Iterator[str]:
    missing = [sent for verdict in verdicts for sent in verdict.missing]
    yield from _first("missing", [_packet(sent) for sent in missing])
    for word, kind in (("there twice", "duplicated"), ("wrong", "wrong")):
        found: list[tuple[str, Held]] = [
            (verdict.sensor, each) for verdict in verdicts for each in getattr(verdict, kind)
        ]
        yield from _first(word, [_reading(sensor, each) for sensor, each in found])


def _first(word: str, texts: Sequence[str]) -> Iterator[str]:
    yield from (f"{word}: {text}" for text in texts[:_MOST])
    if len(texts) > _MOST:
        yield f"{word}: and {len(texts) - _MOST} more"


def _packet(sent: Sent) -> str:
    counter = "" if sent.counter is None else f", counter {sent.counter}"
    return f"{sent.sensor} packet {sent.packet_id}{counter}, sent {rfc3339(sent.at)}: {_values(sent.values)}"


def _reading(sensor: str, held: Held) -> str:
    return f"{sensor} packet {held.packet_id}, measured {rfc3339(held.measured_at)}: {_values(held.values)}"


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
