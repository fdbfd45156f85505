"""A step's latencies, losses and costs, and the tables of them. Pure."""

from collections.abc import Sequence

import msgspec

from benchmarks.end_to_end.load import Sent
from benchmarks.figures import markdown, percentile
from benchmarks.pipeline import Cost

P99_AIM = 2.0  # seconds
Costs = list[tuple[float, dict[str, Cost]]]  # when (seconds), and every process as it was


class Step(msgspec.Struct, frozen=True):
    """One load on one pipeline. Latencies in seconds; `api` is empty where there is none.

    `stored`: distinct packets in the history. `twice`: rows more than that. `after`: seconds from the last packet's
    acknowledgement until the history did not grow any more.
    """

    sensors: int
    rate: float
    sent: Sent
    api: list[float]
    history: list[float]
    stored: int
    twice: int
    after: float
    costs: Costs

    @property
    def missing(self) -> int:
        """Acknowledged packets that the history does not have."""
        return max(0, self.sent.acked - self.stored)

    @property
    def broken(self) -> str:
        """Why no more load is tried; empty if it held."""
        if self.missing:
            return "the history did not come after"
        if self.sent.late > P99_AIM / 2:
            return "the generator did not keep the pace"
        for name, latencies in (("API", self.api), ("history", self.history)):
            if latencies and percentile(latencies, 0.99) > P99_AIM:
                return f"p99 to the {name} is over 2 s"
        return ""


def percentiles(latencies: Sequence[float]) -> str:
    """p50 / p99 / p99.9 in milliseconds."""
    if not latencies:
        return "-"
    return " / ".join(f"{percentile(latencies, share) * 1000:,.0f}" for share in (0.5, 0.99, 0.999))


def usage(costs: Costs, name: str) -> str:
    """CPU in percent of a core, resident megabytes at the end, and how many of them came after a third of the time."""
    seen = [(at, each[name]) for at, each in costs if name in each]
    if len(seen) < 2:
        return ""
    (begin, first), (end, last) = seen[0], seen[-1]
    third = seen[len(seen) // 3][1]
    grown = (last.memory - third.memory) / 1e6
    return f"{100 * (last.cpu - first.cpu) / (end - begin):.0f} % / {last.memory / 1e6:.0f} ({grown:+.0f})"


def latency_table(steps: Sequence[Step], *, api: bool = True) -> str:
    """Markdown: a row a load."""
    head = ["", "readings/s", *(["to the API, ms"] if api else []), "to the history, ms", "looked for"]
    lines = [[*head, "acknowledged", "missing", "twice", "history complete after, s", "generator late at most, ms"]]
    for step in steps:
        lines.append(
            [
                f"{step.sensors:,} sensors",
                f"{step.rate:,.0f}",
                *([percentiles(step.api)] if api else []),
                percentiles(step.history),
                f"{len(step.history):,}",
                f"{step.sent.acked:,}",
                f"{step.missing:,}",
                f"{step.twice:,}",
                f"{step.after:.1f}",
                f"{step.sent.late * 1000:,.0f}",
            ]
        )
    return markdown(lines)


def cost_table(steps: Sequence[Step]) -> str:
    """Markdown: a row a load, a column a process."""
    names = list(dict.fromkeys(name for step in steps for _, each in step.costs for name in each))
    names = [name for name in names if any(usage(step.costs, name) for step in steps)]
    rows = [[f"{step.sensors:,} sensors", *(usage(step.costs, name) for name in names)] for step in steps]
    return markdown([["", *names], *rows])
