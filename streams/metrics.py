"""Every metric of the streams worker."""

from prometheus_client import Counter, Gauge

# frames that decode looked at
FRAMES = Counter("bluflow_streams_frames_total", "Raw frames decoded")
# frames that came again after a restart and were skipped: their gateway's state had folded them
FRAMES_FENCED = Counter("bluflow_streams_frames_fenced_total", "Raw frames already folded, skipped")
# values of native components that nobody could name in time: the gateway's components were not known
NATIVE_TOO_LATE = Counter(
    "bluflow_streams_native_too_late_total", "Native values dropped for want of the components map"
)
# advertisements that decode sent on, by the adapter that understood the frame
ADVERTISEMENTS = Counter("bluflow_streams_advertisements_total", "Advertisements sent on", ["format"])
# packets seen for the first time
READINGS = Counter("bluflow_streams_readings_total", "Readings emitted")
# further copies of a packet: other gateways, and the sensor's own repeats
COPIES = Counter("bluflow_streams_copies_total", "Copies of packets already known")
# advertisements that came again after a restart and were skipped by the fence
FENCED = Counter("bluflow_streams_fenced_total", "Advertisements already folded, skipped")
# records that can never be handled
DEAD_LETTERS = Counter("bluflow_streams_dead_letters_total", "Records sent to the dead letters", ["stage", "reason"])
# how often the broker came back without the end of a log that we had read
LOST_TAILS = Counter("bluflow_streams_lost_tails_total", "Logs that came back without their tail", ["topic"])
# batches that were fetched again because what precedes them had been dropped on the way
REWINDS = Gauge("bluflow_streams_rewinds", "Batches sought back because of a gap")
# records that retention took away before they were read
RECORDS_GONE = Gauge("bluflow_streams_records_gone", "Records deleted from the log before they were read")
# states read back from the changelog at the last recovery, and older values refused there
STATES = Gauge("bluflow_streams_states", "States held", ["table"])
STALE_STATES = Gauge("bluflow_streams_stale_states", "Older values refused at recovery", ["table"])
# the newest clock that came through the stream
TICK = Gauge("bluflow_streams_tick_timestamp_seconds", "Newest tick folded")
# readings that came when their windows were final
LATE_READINGS = Counter("bluflow_streams_late_readings_total", "Readings too late for their windows")
# encryption counters that began anew
COUNTER_RESETS = Counter("bluflow_streams_counter_resets_total", "Encryption counters taken to begin anew")
# windows published, open ones too
AGGREGATES = Counter("bluflow_streams_aggregates_total", "Aggregates written")
# hours of a sensor's account of packets, and such that were not final yet
DELIVERIES = Counter("bluflow_streams_deliveries_total", "Delivery records written")
# sensors that fell silent or spoke again
TRANSITIONS = Counter("bluflow_streams_transitions_total", "Changes of freshness", ["freshness", "cause"])
# by our own look at the broker's ends, each second
LAG = Gauge("bluflow_streams_lag_records", "Records of our partitions not committed yet", ["topic", "partition"])
# for "nothing has been committed since"
LAST_COMMIT = Gauge("bluflow_streams_last_commit_timestamp_seconds", "When a commit was last seen, unix time")
REBALANCES = Gauge("bluflow_streams_rebalances", "Rebalances since the start")
RECOVERY_SECONDS = Gauge("bluflow_streams_recovery_seconds", "What the last rebalance and recovery took")
