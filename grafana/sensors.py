"""*Sensors and gateways*: who is heard, by whom, how loud, and what is lost on the way."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from grafana import panels
from grafana.sources import METRICS, choice, column, metric, source

_CHOSEN = '{location=~"$location", sensor_id=~"$sensor"}'
_HEARD = '{sensor_id=~"$sensor", gateway=~"$gateway"}'
_OF = '{sensor_id=~"$sensor"}'
_GATEWAY = '{gateway=~"$gateway"}'
_DBM = "dBm"
SILENCE = {0: ("speaks", "green"), 1: ("silent", "red")}


def board() -> Dashboard:
    """The dashboard."""
    built = panels.board(
        "bluflow-sensors",
        "Sensors and gateways",
        "When each was heard, by which gateway and how loud, and how many packets were lost.",
        [
            source(METRICS),
            choice("location", "Location", "label_values(sensor:info, location)"),
            choice("sensor", "Sensor", 'label_values(sensor:info{location=~"$location"}, sensor_id)'),
            choice("gateway", "Gateway", "label_values(shelly_gateway_last_frame, gateway)"),
        ],
    )
    return _gateways(_delivery(_reception(_sensors(built))))


def _sensors(built: Dashboard) -> Dashboard:
    said = {
        "A": ("Heard ago", units.Seconds),
        "B": ("Temperature", units.Celsius),
        "C": ("Humidity", units.Humidity),
        "D": ("Battery", units.Percent),
    }
    names = ("age_seconds", "temperature_celsius", "humidity_percent", "battery_percent")
    queries = [column(f"sensor:{name}{_CHOSEN}", letter) for letter, name in zip(said, names, strict=True)]
    silent = f"max by (sensor_id, freshness, cause, gateway) (shelly_sensor_silence{_OF})"
    return (
        built.with_row(panels.row("Sensors"))
        .with_panel(panels.columns("Sensors", said, ["__name__"], *queries))
        .with_panel(panels.columns("Silent", {}, ["Value"], column(silent, "A")))
    )


def _reception(built: Dashboard) -> Dashboard:
    return (
        built.with_row(panels.row("Reception"))
        .with_panel(
            panels.series(
                "Loudness by gateway",
                _DBM,
                metric(f"max by (sensor_id, gateway) (shelly_sensor_rssi_dbm{_HEARD})", "{{sensor_id}} at {{gateway}}"),
                about="Below -90 dBm packets are lost.",
            )
        )
        .with_panel(
            panels.series(
                "Gateways that hear it",
                units.Short,
                metric(
                    f"count by (sensor_id) (max by (sensor_id, gateway) (shelly_sensor_rssi_dbm{_HEARD}))",
                    "{{sensor_id}}",
                ),
            )
        )
        .with_panel(
            panels.series(
                "Sensors that it hears",
                units.Short,
                metric(
                    f"count by (gateway) (max by (sensor_id, gateway) (shelly_sensor_rssi_dbm{_HEARD}))", "{{gateway}}"
                ),
            )
        )
    )


def _delivery(built: Dashboard) -> Dashboard:
    expected, heard = (
        metric(
            f"max by (sensor_id) (increase(shelly_sensor_packets_{name}_total{_OF}[1h]))", f"{{{{sensor_id}}}} {name}"
        ).ref_id(letter)
        for letter, name in (("A", "expected"), ("B", "heard"))
    )
    return (
        built.with_row(panels.row("Delivery"))
        .with_panel(
            panels.series(
                "Packets within an hour",
                units.Short,
                expected,
                heard,
                about="Expected: sent, by the gaps in their ids. Both are counted some 20 minutes after a packet came. "
                "What is heard and not stored: docs/delivery.md.",
            )
        )
        .with_panel(
            panels.series(
                "Packets lost within an hour",
                units.PercentUnit,
                metric(f"sensor:packets_lost:ratio1h{_OF}", "{{sensor_id}}"),
                about="Of those expected, the part that no gateway brought. In a silence there is none: it shows as a "
                "loss when the sensor speaks again within a turn of its ids.",
            )
        )
    )


def _gateways(built: Dashboard) -> Dashboard:
    said = {"A": ("Heard ago", units.Seconds), "B": ("Restarts", units.Short), "C": ("Silent", units.Short)}
    queries = (
        column(f"time() - max by (gateway) (shelly_gateway_last_frame{_GATEWAY})", "A"),
        column(f"max by (gateway) (shelly_gateway_reboots{_GATEWAY})", "B"),
        column(f"max by (gateway) (shelly_gateway_silent{_GATEWAY})", "C"),
    )
    silent = metric(f"max by (gateway) (shelly_gateway_silent{_GATEWAY})", "{{gateway}}")
    return (
        built.with_row(panels.row("Gateways"))
        .with_panel(panels.columns("Gateways", said, [], *queries).span(12))
        .with_panel(panels.states("Silence", SILENCE, silent))
    )
