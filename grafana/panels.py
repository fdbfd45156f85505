"""Panels and dashboards in our manner: units set, gaps left as gaps, the same marks everywhere."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, dashboard, heatmap, logs, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableModel,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from grafana.sources import Marks

Query = Builder[Dataquery]

_BASE = "green"


def board(uid: str, title: str, about: str, variables: Sequence[Builder[VariableModel]]) -> dashboard.Dashboard:
    """A dashboard without panels yet, with marks for alerts and restarts of gateways."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["bluflow"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .link(dashboard.DashboardLink("bluflow").tags(["bluflow"]).as_dropdown(False).keep_time(True))
        .variables(list(variables))
        .annotations(
            [
                Marks("Alerts", 'ALERTS{alertstate="firing"}', "{{alertname}} {{sensor_id}}{{job}}", "red"),
                Marks(
                    "Gateway restarts",
                    "max by (gateway) (changes(shelly_gateway_reboots[2m])) > 0",
                    "{{gateway}} restarted",
                    "blue",
                ),
            ]
        )
    )


def row(title: str) -> dashboard.Row:
    """A heading."""
    return dashboard.Row(title)


def series(
    title: str, unit: str, *queries: Query, about: str = "", every: str = "1m", bars: bool = False
) -> timeseries.Panel:
    """Lines over time. `every` is the least step, twice what values are apart, so that only real gaps are gaps."""
    return (
        timeseries.Panel()
        .title(title)
        .description(about)
        .unit(unit)
        .targets(list(queries))
        .interval(every)
        .span_nulls(False)
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .fill_opacity(40 if bars else 5)
        .show_points(VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(12)
        .height(9)
    )


def now(title: str, unit: str, *queries: Query, about: str = "", steps: Mapping[float, str] = {}) -> stat.Panel:
    """The newest values as figures; `steps`: from which value on which colour."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .unit(unit)
        .targets(list(queries))
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(_thresholds(steps))
        .span(6)
        .height(8)
    )


def states(title: str, names: Mapping[int, tuple[str, str]], *queries: Query, about: str = "") -> statetimeline.Panel:
    """What something was, over time; `names`: value -> its name and colour."""
    options = {str(value): ValueMappingResult(text=name, color=colour) for value, (name, colour) in names.items()}
    return (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .targets(list(queries))
        .interval("1m")
        .mappings([ValueMap(options=options)])
        .thresholds(_thresholds({}))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .legend(
            common.VizLegendOptions()
            .show_legend(False)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .calcs([])
        )
        .span(12)
        .height(9)
    )


def columns(title: str, named: Mapping[str, tuple[str, str]], hidden: Sequence[str], *queries: Query) -> table.Panel:
    """One line a thing; `named`: letter of a query -> heading and unit; `hidden`: columns that are left out."""
    renamed = {f"Value #{letter}": heading for letter, (heading, _) in named.items()}
    panel = (
        table.Panel()
        .title(title)
        .targets(list(queries))
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": dict.fromkeys(["Time", *hidden], True), "renameByName": renamed},
            )
        )
        .span(24)
        .height(9)
    )
    for heading, unit in named.values():
        panel = panel.override_by_name(heading, [DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def heat(title: str, unit: str, query: Query, about: str = "") -> heatmap.Panel:
    """A histogram over time."""
    return (
        heatmap.Panel()
        .title(title)
        .description(about)
        .targets([query])
        .interval("1m")
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64).exponent(0.5))
        .span(12)
        .height(9)
    )


def log(title: str, query: Query) -> logs.Panel:
    """Log lines."""
    return logs.Panel().title(title).targets([query]).show_time(True).wrap_log_message(True).span(24).height(12)


def _thresholds(steps: Mapping[float, str]) -> dashboard.ThresholdsConfig:
    found = [Threshold(value=None, color=_BASE), *(Threshold(value=at, color=steps[at]) for at in sorted(steps))]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)
