"""A real InfluxDB."""

from tests.influxdb import influx, own_influx

__all__ = ["influx", "own_influx"]
