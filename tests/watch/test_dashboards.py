"""The dashboards: current, without a data source of their own, with units, gaps left as gaps."""

import re

import pytest

from cli.page_logins import USER
from grafana.boards import boards
from tests.watch.dashboards import FILES, choices, data_sources, panels, queries, read, variables
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
    there = data_sources("datasources")
    for name in NAMES:
        for one in variables(read(name)).values():
            if one["type"] == "datasource":
                pattern = one["regex"].strip("/")
                [found] = [each for each in there if each["type"] == one["query"] and re.search(pattern, each["name"])]
                assert found["url"] in {"https://prometheus:9090", "https://influxdb:8086", "https://loki:3100"}


def test_what_is_secret_of_a_data_source_is_read_from_its_file_and_stands_nowhere() -> None:
    found = {one["url"].split("/")[2].split(":")[0]: one["secureJsonData"] for one in data_sources("datasources")}
    ca = {"tlsCACert": "$__file{/run/secrets/ca.crt}"}
    logins = {
        server: {"basicAuthPassword": f"$__file{{/run/secrets/{server}-password}}", **ca}
        for server in ("prometheus", "alertmanager")
    }
    token = {"httpHeaderValue1": "Token $__file{/tokens/token}", **ca}
    shown = {f"tlsClient{name}": f"$__file{{/run/secrets/logs-client.{end}}}" for name, end in _SHOWN.items()}
    assert found == {**logins, "influxdb": token, "loki": ca | shown}


_SHOWN = {"Cert": "crt", "Key": "key"}


def test_data_sources_are_asked_over_tls_with_a_login_and_in_the_proof_of_concept_plainly() -> None:
    hardened, poc = data_sources("datasources"), data_sources("poc")
    for one in hardened:
        assert one["url"].startswith("https://"), one
        assert one["jsonData"].pop("tlsAuthWithCACert") is True, one
        one["url"] = one["url"].replace("https://", "http://")
        secret = one.pop("secureJsonData")
        assert one["jsonData"].pop("tlsAuth", False) == ("tlsClientKey" in secret)
        assert one.pop("basicAuth", False) == ("basicAuthPassword" in secret)
        assert one.pop("basicAuthUser", USER) == USER
        if kept := {name: secret[name] for name in secret if name == "httpHeaderValue1"}:
            one["secureJsonData"] = kept
    assert poc == hardened
