"""raw frames -> advertisements -> readings, latest state; and the sinks that carry them out of the stream."""
