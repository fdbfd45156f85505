"""Everything the sinks count; the label `sink` is history, aggregates, deliveries or archive."""

from prometheus_client import Counter, Gauge, Histogram

from streams.sinks.lateness import BatchHistogram

# Acknowledged by the store; a record that is written again after a rebalance counts again.
WRITTEN = Counter("bluflow_sink_records_written_total", "Records that the store acknowledged", ["sink"])
# Delivered to dead-letters: undecodable or rejected.
DEAD_LETTERS = Counter("bluflow_sink_dead_letters_total", "Records that can never be stored", ["sink", "reason"])
# Each one is followed by a pause.
RETRIES = Counter("bluflow_sink_retries_total", "Attempts to write that found the store away", ["sink"])
# 1 while its store or the broker is away, or its upkeep fails; /health/ready says which and why.
FAILING = Gauge("bluflow_sink_failing", "1 while the sink cannot work", ["sink"])
# For "nothing has been written since".
LAST_WRITE = Gauge("bluflow_sink_last_write_timestamp_seconds", "When the store last acknowledged, unix time", ["sink"])
# A batch in hand is not in it; one that was given back is.
LAG = Gauge("bluflow_sink_lag_records", "Records of our partitions that are not taken yet", ["sink"])
BATCH = Histogram(
    "bluflow_sink_batch_records",
    "Records handled at once",
    ["sink"],
    buckets=[1, 3, 10, 30, 100, 300, 1000, 3000, 10_000],
)
# From the bridge's arrival time, by the bridge's clock and ours.
END_TO_END = BatchHistogram(
    "bluflow_sink_end_to_end_seconds",
    "From a reading's arrival at the bridge to the history store's acknowledgement",
    [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600, 86_400],
)
