"""The HTTP side: live state from the compacted topic, history from the store, Prometheus metrics."""
