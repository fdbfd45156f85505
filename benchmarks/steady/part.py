"""The fold of track where nothing is new any more: states are full, windows become final."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.child import run_module
from benchmarks.figures import Sample, markdown, spread

NAME = "steady"
TITLE = "The fold of sensors that have spoken for long"
MINUTES = 10  # after the first


def measure(bench: Bench) -> Iterator[str]:
    """One table, a row a number of sensors."""
    sizes = (100,) if bench.smoke else (1_000, 10_000) if bench.quick else (1_000, 10_000, 30_000)
    lines = [["", "µs CPU a reading", "readings/s a core", "outputs a reading", "MB"]]
    for outcome in bench.compare((f"{sensors:,} sensors", partial(_once, bench, sensors)) for sensors in sizes):
        samples = list(outcome.samples.values())
        if not samples:
            lines.append([outcome.name, outcome.problem, "", "", ""])
            continue
        lines.append(
            [
                outcome.name,
                spread([sample.micros for sample in samples]),
                spread([sample.per_core for sample in samples]),
                f"{samples[0].outputs / samples[0].events:.2f}",
                f"{max(sample.memory for sample in samples) / 1e6:.0f}",
            ]
        )
    yield markdown(lines)


def _once(bench: Bench, sensors: int, _: int) -> Sample:
    minutes = bench.size(1, MINUTES, MINUTES)
    return run_module("benchmarks.steady.ours", sensors, minutes, folder=bench.folder, seconds=bench.seconds)
