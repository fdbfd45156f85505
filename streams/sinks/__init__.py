"""The sinks: readings, aggregates, deliveries -> history, raw frames -> archive.

Plain consumers, no Faust; each with a group of its own.
"""
