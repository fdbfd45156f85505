"""A histogram of batches says what prometheus_client's own says of the same values."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from streams.sinks.lateness import BatchHistogram

BOUNDS = [0.1, 0.5, 1, 300, 86_400]
BATCHES = [[0.0, 0.1, 0.25, 0.5], [], [1.0, 1.5, 86_400.0, 90_000.0], [0.25]]


def lines(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_it_counts_as_one_value_at_a_time_is_counted() -> None:
    own, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = BatchHistogram("late_seconds", "How late.", BOUNDS, own)
    each = Histogram("late_seconds", "How late.", buckets=BOUNDS, registry=theirs)
    for batch in BATCHES:
        histogram.observe(batch)
        for value in batch:
            each.observe(value)
    assert lines(own) == lines(theirs)
    assert any(line.startswith('late_seconds_bucket{le="+Inf"} 9') for line in lines(own))
