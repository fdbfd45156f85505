"""*Pipeline*: what goes through each stage, what waits, what died, who is up, and what they say."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from grafana import panels
from grafana.sources import LOGS, METRICS, buckets, choice, lines, metric, source

_UP = {0: ("down", "red"), 1: ("up", "green")}
_SINKS = {0: ("writes", "green"), 1: ("fails", "red")}
# Jobs are named as services; a second one has a suffix. Loki wants a matcher that does not match nothing.
# Lines that are not ours, and so not JSON, are shown as they are.
_SAID = (
    '{service=~".+", service=~"(?:$job)(?:-.+)?"} | json | line_format `'
    "{{ if .message }}{{ .level }} {{ .process }} {{ .logger }}: {{ .message }} {{ .error }}"
    "{{ else }}{{ __line__ }}{{ end }}"
    "` | drop __error__, __error_details__"
)
_LATENCY = "bluflow_sink_end_to_end_seconds_bucket"


def board() -> Dashboard:
    """The dashboard."""
    built = panels.board(
        "bluflow-pipeline",
        "Pipeline",
        "Rates and lag of each stage, dead letters, recoveries, sinks, broker and containers, logs.",
        [source(METRICS), source(LOGS), choice("job", "Process", "label_values(up, job)")],
    )
    for part in (_rates, _waiting, _failures, _health):
        built = part(built)
    return built.with_row(panels.row("Logs")).with_panel(panels.log("Logs", lines(_SAID)))


def _rates(built: Dashboard) -> Dashboard:
    stages = ("frames", "advertisements", "readings")
    return (
        built.with_row(panels.row("Rates"))
        .with_panel(
            panels.series(
                "Rates by stage",
                units.OpsPerSecond,
                *(metric(f"stage:{name}:rate5m", name).ref_id(name) for name in stages),
                metric("stage:written:rate5m", "written by {{sink}}").ref_id("written"),
            )
        )
        .with_panel(
            panels.heat(
                "From bridge to history",
                units.Seconds,
                buckets(f"sum by (le) (increase({_LATENCY}[$__rate_interval]))"),
                about="From a reading's arrival at the bridge to the store's acknowledgement.",
            )
        )
    )


def _waiting(built: Dashboard) -> Dashboard:
    behind = metric("time() - max by (instance) (bluflow_streams_tick_timestamp_seconds > 0)", "{{instance}}")
    quantiles = [
        metric(f"histogram_quantile({q}, sum by (le) (rate({_LATENCY}[$__rate_interval])))", name).ref_id(name)
        for q, name in ((0.5, "median"), (0.99, "p99"))
    ]
    return (
        built.with_row(panels.row("What waits"))
        .with_panel(
            panels.series(
                "Lag",
                units.Short,
                metric("sum by (topic) (bluflow_streams_lag_records)", "worker, {{topic}}").ref_id("worker"),
                metric("sum by (sink) (bluflow_sink_lag_records)", "sink {{sink}}").ref_id("sink"),
                metric("sum(bluflow_bridge_in_flight_frames)", "bridge, in flight").ref_id("bridge"),
                about="Records that are not committed yet.",
            )
        )
        .with_panel(
            panels.series(
                "Behind by", units.Seconds, behind, about="Age of the newest tick folded: up to 60 s is none."
            )
        )
        .with_panel(panels.series("Latency", units.Seconds, *quantiles))
        .with_panel(panels.states("Sinks", _SINKS, metric("max by (sink) (bluflow_sink_failing)", "{{sink}}")))
    )


def _failures(built: Dashboard) -> Dashboard:
    return (
        built.with_row(panels.row("What went wrong"))
        .with_panel(
            panels.series(
                "Dead letters within 15 minutes",
                units.Short,
                metric("sum by (job, reason) (stage:dead_letters:increase15m)", "{{job}} {{reason}}").ref_id("new"),
                bars=True,
            )
        )
        .with_panel(
            panels.now(
                "Dead letters since the start",
                units.Short,
                metric(
                    'sum by (job, reason) ({__name__=~"bluflow_.+_dead_letters_total"})',
                    "{{job}} {{reason}}",
                    instant=True,
                ),
            )
            .span(12)
            .height(9)
        )
        .with_panel(
            panels.series(
                "Rebalances and recoveries",
                units.Short,
                metric("sum(bluflow_streams_rebalances)", "rebalances").ref_id("rebalances"),
                metric("sum(bluflow_streams_rewinds)", "batches sought back").ref_id("rewinds"),
                metric("sum(bluflow_streams_records_gone)", "records gone").ref_id("gone"),
            )
        )
        .with_panel(
            panels.series(
                "Last recovery",
                units.Seconds,
                metric("max by (instance) (bluflow_streams_recovery_seconds)", "{{instance}}"),
            )
        )
    )


def _health(built: Dashboard) -> Dashboard:
    disk = "redpanda_storage_disk_free_bytes / redpanda_storage_disk_total_bytes"
    return (
        built.with_row(panels.row("Broker and containers"))
        .with_panel(panels.states("Up", _UP, metric('up{job=~"$job"}', "{{job}} {{instance}}")))
        .with_panel(
            panels.states("MQTT connection of the bridge", _UP, metric("bluflow_bridge_mqtt_connected", "{{instance}}"))
        )
        .with_panel(
            panels.series(
                "Memory", units.BytesIEC, metric('process_resident_memory_bytes{job=~"$job"}', "{{job}} {{instance}}")
            )
        )
        .with_panel(
            panels.series(
                "Processor",
                units.PercentUnit,
                metric('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', "{{job}} {{instance}}"),
                about="Of one core.",
            )
        )
        .with_panel(
            panels.series(
                "Restarts within an hour",
                units.Short,
                metric('changes(process_start_time_seconds{job=~"$job"}[1h])', "{{job}} {{instance}}"),
            )
        )
        .with_panel(
            panels.series(
                "MQTT connections lost within an hour",
                units.Short,
                metric("increase(bluflow_bridge_mqtt_failures_total[1h])", "{{instance}}"),
            )
        )
        .with_panel(panels.series("Redpanda: disk left", units.PercentUnit, metric(disk, "{{instance}}")))
        .with_panel(
            panels.series(
                "Redpanda: copies",
                units.Short,
                metric("max(redpanda_cluster_unavailable_partitions)", "partitions without a leader").ref_id(
                    "leaderless"
                ),
                metric("sum(redpanda_kafka_under_replicated_replicas)", "copies that lag behind").ref_id("behind"),
                about="All is well at zero. Copies are behind while a node is away or catches up.",
            )
        )
        .with_panel(
            panels.series(
                "API requests",
                units.RequestsPerSecond,
                metric("sum by (status) (rate(bluflow_api_requests_total[$__rate_interval]))", "{{status}}"),
            )
        )
    )
