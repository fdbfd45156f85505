"""What collects the logs: no Loki and no Alloy are at hand, so their files are held to what is known of them."""

import re
from typing import Any

import yaml

from tests.watch.dashboards import queries
from tests.watch.files import ROOT

AGENT = (ROOT / "loki" / "config.alloy").read_text()


def loki() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "loki" / "loki.yml").read_text())
    assert isinstance(found, dict)
    return found


def documented_fields() -> set[str]:
    text = (ROOT / "docs" / "logs.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_lines_are_deleted_after_a_month() -> None:
    """A retention period without a compactor that deletes keeps all for ever."""
    config = loki()
    assert config["limits_config"]["retention_period"] == "720h"
    assert config["compactor"]["retention_enabled"] is True
    assert config["compactor"]["delete_request_store"] == "filesystem"


def test_the_agent_and_the_panel_read_the_fields_that_our_lines_have() -> None:
    """A second name of a field, or a field that is gone, would leave labels and lines empty."""
    fields = documented_fields()
    assert {"time", "level", "process", "message"} < fields
    [ours] = re.findall(r'source +?= "log"\s+expressions = \{(.*?)\}', AGENT, re.DOTALL)
    assert set(re.findall(r"(\w+) = ", ours)) <= fields
    [panel] = [query.text for query in queries() if query.source == "${logs}"]
    assert set(re.findall(r"(?<=[ {])\.(\w+)", panel)) <= fields


def test_labels_of_the_panel_are_those_that_the_agent_sets_and_they_are_few() -> None:
    [labels] = re.findall(r"stage\.labels \{\s+values = \{(.*?)\}", AGENT)
    assert set(re.findall(r"(\w+) = ", labels)) == {"service", "level"}
    [panel] = [query.text for query in queries() if query.source == "${logs}"]
    [selector] = re.findall(r"^\{(.*?)\} \|", panel)
    assert set(re.findall(r"(\w+)=~", selector)) <= {"service", "level"}


def test_each_part_of_the_agent_hands_on_to_one_that_is_there() -> None:
    parts = {".".join(found) for found in re.findall(r'^([\w.]+) "(\w+)" \{', AGENT, re.MULTILINE)}
    named = set(re.findall(r"\b((?:loki|local)\.[\w.]+?)\.(?:receiver|targets)", AGENT))
    assert named < parts
    assert AGENT.count("{") == AGENT.count("}")
    port = loki()["server"]["http_listen_port"]
    assert f'url = "http://loki:{port}/loki/api/v1/push"' in AGENT
