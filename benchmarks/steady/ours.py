"""`python -m benchmarks.steady.ours SENSORS MINUTES`. The first minute, in which states are read from bytes, is not
counted.
"""

import sys

from benchmarks.meter import Meter
from benchmarks.steady.traffic import Fold, batches, plan_of
from runtime.process import collect_seldom

if __name__ == "__main__":
    collect_seldom()
    sensors, minutes = map(int, sys.argv[1:])
    plan, meter = plan_of(sensors, minutes + 1), Meter()
    fold, made = Fold(plan), list(batches(plan))
    first = len(made) // (minutes + 1)
    for batch in made[:first]:
        fold.take(batch)
    meter.begin()
    outputs = sum(map(fold.take, made[first:]))
    meter.report(sensors * minutes, outputs)
