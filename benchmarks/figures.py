"""Samples -> medians, spreads and ratios, as a table. Pure.

Ratios are made of the samples of one round, which stood next to each other, so that a noisy hour weighs on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """One run: events taken, what came of them; seconds by the clock and of CPU, most memory (bytes)."""

    events: int
    seconds: float
    cpu: float
    outputs: int = 0
    memory: int = 0

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def micros(self) -> float:
        """Microseconds of CPU an event."""
        return self.cpu * 1e6 / self.events

    @property
    def per_core(self) -> float:
        """Events a second of CPU: what one core would do if nothing made it wait."""
        return self.events / self.cpu


@dataclass(slots=True)
class Outcome:
    """A contestant's samples, by round; `problem`: why there are none, or fewer."""

    name: str
    samples: dict[int, Sample] = field(default_factory=dict)
    problem: str = ""


def spread(values: Sequence[float]) -> str:
    """`median (least..most)`."""
    return f"{_short(median(values))} ({_short(min(values))}..{_short(max(values))})"


def ratio(one: Outcome, other: Outcome, of: Callable[[Sample], float]) -> float | None:
    """The median over the rounds in which both ran of what `of` gives for one, divided by the other's."""
    both = one.samples.keys() & other.samples.keys()
    return median(of(one.samples[number]) / of(other.samples[number]) for number in both) if both else None


def table(outcomes: Sequence[Outcome], what: str, outputs: str = "") -> str:
    """Markdown. The first outcome is ours: the others are measured against it. `what`: the events' word, plural."""
    ours = outcomes[0]
    head = ["", f"{what}/s", f"{what}/s a core", "µs CPU each", "ours is so many times faster, by clock", "by CPU"]
    lines = [[*head, *([outputs] if outputs else []), "MB"]]
    for outcome in outcomes:
        samples = list(outcome.samples.values())
        if not samples:
            lines.append([outcome.name, outcome.problem or "not measured", *[""] * (len(lines[0]) - 2)])
            continue
        clock, cpu = ratio(ours, outcome, lambda s: s.rate), ratio(ours, outcome, lambda s: s.per_core)
        memory = max(sample.memory for sample in samples)
        lines.append(
            [
                outcome.name + (f" ({len(samples)} runs only: {outcome.problem})" if outcome.problem else ""),
                spread([sample.rate for sample in samples]),
                spread([sample.per_core for sample in samples]),
                spread([sample.micros for sample in samples]),
                *("" if outcome is ours or times is None else f"{times:.2f}" for times in (clock, cpu)),
                *([" / ".join(f"{n:,}" for n in sorted({sample.outputs for sample in samples}))] if outputs else []),
                f"{memory / 1e6:.0f}" if memory else "",
            ]
        )
    return markdown(lines)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of the values does not exceed. Raises IndexError for none."""
    return sorted(values)[max(0, ceil(len(values) * share) - 1)]


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table; the first line is its head."""
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([rows[0], "|---" * len(lines[0]) + "|", *rows[1:]])


def _short(value: float) -> str:
    """Three digits that count, thousands set apart."""
    if value >= 100:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
