"""What the sinks count. Label `sink`: history or archive."""

from prometheus_client import Counter, Gauge, Histogram

written = Counter("bluflow_sink_records_written", "Records that the store acknowledged", ["sink"])
dead_letters = Counter("bluflow_sink_dead_letters", "Records that can never be stored", ["sink", "reason"])
retries = Counter("bluflow_sink_retries", "Attempts to write that found the store away", ["sink"])
failing = Gauge("bluflow_sink_failing", "1 while the sink's store or broker is away", ["sink"])
last_write = Gauge("bluflow_sink_last_write_timestamp_seconds", "When the store last acknowledged", ["sink"])
lag = Gauge("bluflow_sink_lag_records", "Records of the assigned partitions not yet taken", ["sink"])
batch = Histogram(
    "bluflow_sink_batch_records", "Records written at once", ["sink"], buckets=[1, 3, 10, 30, 100, 300, 1000, 3000, 10000]
)
