"""*Rooms*: how it is in each room, how it was, and how far the values can be trusted."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from grafana import panels
from grafana.sources import HOURS, METRICS, READINGS, History, choice, metric, source

_CHOSEN = '{location=~"$location", sensor_id=~"$sensor"}'
_NAME = "{{location}} {{name}}"
_ALIAS = "$tag_location $tag_sensor_id"
_WEAK = {0.0: "red", 15.0: "orange", 30.0: "green"}
_OLD = {180.0: "orange", 300.0: "red"}
FRESHNESS = {0: ("fresh", "green"), 1: ("late", "yellow"), 2: ("stale", "orange"), 3: ("lost", "red")}


def board() -> Dashboard:
    """The dashboard."""
    built = panels.board(
        "bluflow-rooms",
        "Rooms",
        "Temperature and humidity by room: now from Prometheus, over time from InfluxDB.",
        [
            source(METRICS),
            source(READINGS),
            source(HOURS),
            choice("location", "Location", "label_values(sensor:info, location)"),
            choice("sensor", "Sensor", 'label_values(sensor:info{location=~"$location"}, sensor_id)'),
        ],
    )
    return _hours(_over_time(_now(built)))


def _newest(name: str) -> panels.Query:
    return metric(name + _CHOSEN, _NAME, instant=True)


def _now(built: Dashboard) -> Dashboard:
    # state of each sensor as a number: fresh, late, stale, lost
    state = " + ".join(
        f'{value} * max by (sensor_id) (shelly_sensor_freshness{{freshness="{name}", sensor_id=~"$sensor"}})'
        for value, (name, _) in FRESHNESS.items()
        if value
    )
    return (
        built.with_row(panels.row("Now"))
        .with_panel(panels.now("Temperature", units.Celsius, _newest("sensor:temperature_celsius")))
        .with_panel(panels.now("Humidity", units.Humidity, _newest("sensor:humidity_percent")))
        .with_panel(
            panels.now(
                "Dew point", units.Celsius, _newest("sensor:dew_point_celsius"), about="Walls colder than it get wet."
            )
        )
        .with_panel(panels.now("Battery", units.Percent, _newest("sensor:battery_percent"), steps=_WEAK))
        .with_panel(panels.now("Heard ago", units.Seconds, _newest("sensor:age_seconds"), steps=_OLD).span(12))
        .with_panel(
            panels.states(
                "Freshness",
                FRESHNESS,
                metric(f"({state}) * on (sensor_id) group_left (name, location) sensor:info{_CHOSEN}", _NAME),
            ).height(8)
        )
    )


def _over_time(built: Dashboard) -> Dashboard:
    return (
        built.with_row(panels.row("Readings"))
        .with_panel(
            panels.series(
                "Temperature", units.Celsius, History(READINGS, 'mean("value")', "temperature", _ALIAS), every="2m"
            )
        )
        .with_panel(
            panels.series(
                "Humidity", units.Humidity, History(READINGS, 'mean("value")', "humidity", _ALIAS), every="2m"
            )
        )
        .with_panel(panels.series("Dew point", units.Celsius, metric(f"sensor:dew_point_celsius{_CHOSEN}", _NAME)))
        .with_panel(
            panels.series(
                "Battery",
                units.Percent,
                History(READINGS, 'last("battery_level")', "temperature", _ALIAS),
                every="2m",
            )
        )
    )


def _hours(built: Dashboard) -> Dashboard:
    what = 'min("min"), mean("mean"), max("max")'
    alias = f"{_ALIAS} $col"
    return (
        built.with_row(panels.row("Months and years, by the hour"))
        .with_panel(panels.series("Temperature", units.Celsius, History(HOURS, what, "temperature", alias), every="1h"))
        .with_panel(panels.series("Humidity", units.Humidity, History(HOURS, what, "humidity", alias), every="1h"))
    )
