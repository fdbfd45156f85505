"""The dashboards: current, without a data source of their own, with units, gaps left as gaps."""

import re

import pytest
import yaml

from grafana.boards import boards
from tests.watch.dashboards import FILES, choices, panels, queries, read, variables
from tests.watch.files import ROOT, known_metrics, metrics_in

NAMES = [path.name for path in FILES]


def test_the_files_are_what_the_code_writes() -> None:
    """`make dashboards` mends it."""
    assert {path.name: path.read_text() for path in FILES} == boards()
    assert NAMES == ["pipeline.json", "rooms.json", "sensors.json"]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_goes_to_a_data_source_that_the_reader_may_choose(name: str) -> None:
    board = read(name)
    chosen = {f"${{{one['name']}}}": one["query"] for one in variables(board).values() if one["type"] == "datasource"}
    referred = re.findall(r'"datasource": (?:"([^"]*)"|\{\s*"type": "(\w+)",\s*"uid": "([^"]+)"\s*\})', json_of(name))
    assert len(referred) > 10
    for text, kind, uid in referred:
        assert not text
        assert chosen[uid] == kind
    # a reference that has another form would have escaped the pattern
    assert json_of(name).count('"datasource": ') == len(referred)


def json_of(name: str) -> str:
    return (ROOT / "grafana" / "dashboards" / name).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_unit_and_a_gap_stays_one(name: str) -> None:
    for panel in panels(read(name)):
        defaults = panel["fieldConfig"]["defaults"] if "fieldConfig" in panel else {}
        match panel["type"]:
            case "timeseries":
                assert defaults["unit"], panel["title"]
                assert defaults["custom"]["spanNulls"] is False, panel["title"]
            case "stat":
                assert defaults["unit"], panel["title"]
            case "heatmap":
                assert panel["options"]["yAxis"]["unit"]
            case "table" | "state-timeline" | "logs":
                pass
            case other:
                pytest.fail(f"{panel['title']}: a {other} and its units")
    for query in queries():
        if query.source in ("${readings}", "${hours}"):
            assert query.text.endswith("fill(null)")


@pytest.mark.parametrize("name", NAMES)
def test_alerts_and_restarts_of_gateways_are_marked(name: str) -> None:
    marks = {one["name"]: one["expr"] for one in read(name)["annotations"]["list"]}
    assert marks.keys() == {"Alerts", "Gateway restarts"}
    assert metrics_in(" ".join(marks.values())) == {"ALERTS", "shelly_gateway_reboots"}


def test_rooms_and_sensors_can_be_narrowed_to_a_location_and_a_sensor() -> None:
    for name in ("rooms.json", "sensors.json"):
        board = read(name)
        assert {"location", "sensor"} < variables(board).keys()
        text = json_of(name)
        assert text.count("$sensor") + text.count("${sensor:") >= len(panels(board)) - 3


def test_queries_of_one_panel_can_be_told_apart() -> None:
    for name in NAMES:
        for panel in panels(read(name)):
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters), panel["title"]


def test_panels_stand_beside_each_other_and_not_on_each_other() -> None:
    for name in NAMES:
        taken: set[tuple[int, int]] = set()
        for panel in read(name)["panels"]:
            at = panel["gridPos"]
            fields = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not fields & taken, (name, panel["title"])
            assert at["x"] + at["w"] <= 24
            taken |= fields


def test_every_metric_of_a_dashboard_is_documented() -> None:
    named = {metric for query in queries() if query.source == "${metrics}" for metric in metrics_in(query.text)}
    named |= {metric for _, series, _ in choices() for metric in metrics_in(series)}
    assert {"sensor:info", "up", "bluflow_sink_end_to_end_seconds"} < named
    assert named - known_metrics() == set()


def test_there_is_a_data_source_for_each_variable() -> None:
    text = (ROOT / "grafana" / "provisioning" / "datasources" / "bluflow.yml").read_text()
    sources = yaml.safe_load(text)["datasources"]
    for name in NAMES:
        for one in variables(read(name)).values():
            if one["type"] == "datasource":
                pattern = one["regex"].strip("/")
                [found] = [
                    each for each in sources if each["type"] == one["query"] and re.search(pattern, each["name"])
                ]
                assert found["url"] in {"$PROMETHEUS_URL", "$INFLUXDB_URL", "$LOKI_URL"}


def test_the_token_is_read_from_its_file_and_stands_nowhere() -> None:
    text = (ROOT / "grafana" / "provisioning" / "datasources" / "bluflow.yml").read_text()
    found = [one["secureJsonData"] for one in yaml.safe_load(text)["datasources"] if "secureJsonData" in one]
    assert found == [{"httpHeaderValue1": "Token $__file{/tokens/token}"}] * 2
