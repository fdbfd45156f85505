"""Data sources as variables of a dashboard, and queries to them. No dashboard names a data source of its own."""

from grafana_foundation_sdk.builders import dashboard, loki, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DataSourceRef,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

METRICS = DataSourceRef(type_val="prometheus", uid="${metrics}")
READINGS = DataSourceRef(type_val="influxdb", uid="${readings}")
HOURS = DataSourceRef(type_val="influxdb", uid="${hours}")
LOGS = DataSourceRef(type_val="loki", uid="${logs}")

_LABELS = {"metrics": "Metrics", "readings": "Readings", "hours": "Hours", "logs": "Logs"}
# two buckets of one InfluxDB are told apart by the data source's name, grafana/provisioning/datasources
_NAMED = {"readings": "/eadings/", "hours": "/ours/"}


def source(ref: DataSourceRef) -> Builder[VariableModel]:
    """The variable that a reference stands for."""
    name = (ref.uid or "")[2:-1]
    return dashboard.DatasourceVariable(name).label(_LABELS[name]).type(ref.type_val or "").regex(_NAMED.get(name, ""))


def choice(name: str, label: str, query: str) -> Builder[VariableModel]:
    """A variable whose values Prometheus knows; several at once, all of them at first."""
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(METRICS)
        .query({"qryType": 1, "query": query, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def metric(expr: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    """A PromQL query; `instant` gives the value now alone."""
    query = prometheus.Dataquery().datasource(METRICS).expr(expr).legend_format(legend).ref_id("A")
    return query.instant() if instant else query.range()


def column(expr: str, name: str) -> prometheus.Dataquery:
    """A PromQL query as a column of a table, named by its letter."""
    return metric(expr, instant=True).format(PromQueryFormat.TABLE).ref_id(name)


def buckets(expr: str) -> prometheus.Dataquery:
    """A histogram's buckets for a heat map."""
    return metric(expr, "{{le}}").format(PromQueryFormat.HEATMAP)


def lines(expr: str) -> loki.Dataquery:
    """A LogQL query for log lines."""
    return loki.Dataquery().ref_id("A").datasource(LOGS).expr(expr).query_type("range").max_lines(500)


class _InfluxQuery(Dataquery):
    """What the InfluxDB plugin reads; the library has no model of it."""

    def __init__(self, ref: DataSourceRef, query: str, alias: str) -> None:
        self._ref, self._query, self._alias = ref, query, alias

    def to_json(self) -> dict[str, object]:
        return {
            "alias": self._alias,
            "datasource": self._ref,
            "query": self._query,
            "rawQuery": True,
            "refId": "A",
            "resultFormat": "time_series",
        }


class History(Builder[Dataquery]):
    """An InfluxQL query, which InfluxDB 1.8, 2 and 3 answer; a window without readings is null and so a gap."""

    def __init__(self, ref: DataSourceRef, what: str, measurement: str, alias: str) -> None:
        self._built = _InfluxQuery(
            ref,
            f'SELECT {what} FROM "{measurement}" WHERE $timeFilter'  # noqa: S608  ours
            ' AND "location" =~ /^${location:regex}$/ AND "sensor_id" =~ /^${sensor:regex}$/'
            ' GROUP BY time($__interval), "location", "sensor_id" fill(null)',
            alias,
        )

    def build(self) -> Dataquery:
        """The query."""
        return self._built


class _Marked(AnnotationQuery):
    """With the text of a mark, which the library's model leaves out."""

    title = ""

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self.title, "step": "30s"}


class Marks(Builder[AnnotationQuery]):
    """Marks in all panels where a query has values; `title` may hold labels in {{ }}."""

    def __init__(self, name: str, expr: str, title: str, colour: str) -> None:
        self._built = _Marked(name=name, datasource=METRICS, expr=expr, icon_color=colour)
        self._built.title = title

    def build(self) -> AnnotationQuery:
        """The marks."""
        return self._built
