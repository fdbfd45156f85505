"""What collects the logs: no Loki and no Alloy are at hand, so their files are held to what is known of them."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.compose import COMBINATIONS, merged
from tests.watch.dashboards import queries
from tests.watch.files import ROOT

AGENT = (ROOT / "loki" / "config.alloy").read_text()
WAYS = {"default": "tls.alloy", "poc": "poc.alloy"}


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


def started(folder: Path, way: str) -> tuple[str, str]:
    """What the agent would be started with, and the configuration that its script makes."""
    env = {**os.environ, "ALLOY": "echo", "TMPDIR": str(folder)}
    command = ["bash", str(ROOT / "loki" / "start.sh"), way]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return said, (folder / "config.alloy").read_text()


@pytest.mark.parametrize("way", WAYS.values())
def test_each_part_of_the_agent_hands_on_to_one_that_is_there(tmp_path: Path, way: str) -> None:
    said, whole = started(tmp_path, way)
    assert said.endswith(f" {tmp_path / 'config.alloy'}\n")
    parts = [".".join(found) for found in re.findall(r'^([\w.]+) "(\w+)" \{', whole, re.MULTILINE)]
    named = set(re.findall(r"\b((?:loki|local)\.[\w.]+?)\.(?:receiver|targets)", whole))
    assert named < set(parts)
    assert len(set(parts)) == len(parts)
    assert whole.count("{") == whole.count("}")


@pytest.mark.parametrize("combination", WAYS)
def test_the_agent_sends_to_loki_as_loki_is_served_and_is_served_as_prometheus_asks(
    tmp_path: Path, combination: str
) -> None:
    stack = merged(COMBINATIONS[combination])["services"]
    [way] = stack["alloy"]["command"]
    assert way == WAYS[combination]
    said, whole = started(tmp_path, way)
    over_tls, port = combination == "default", loki()["server"]["http_listen_port"]
    scheme = "https" if over_tls else "http"
    assert f'url = "{scheme}://loki:{port}/loki/api/v1/push"' in whole
    assert bool(re.search(r'\bca_file += "/run/secrets/ca.crt"', whole)) == over_tls
    own = {half: f"/run/secrets/alloy.{half}" for half in ("crt", "key")}
    assert [path in whole for path in own.values()] == [over_tls] * 2
    options = [f"-server.http-tls-{half}-path=/run/secrets/loki.{name}" for half, name in _HALVES.items()]
    assert [option in stack["loki"]["command"] for option in options] == [over_tls] * 2
    jobs = yaml.safe_load((ROOT / "prometheus" / _PROMETHEUS[combination]).read_text())["scrape_configs"]
    asked = {job["job_name"]: job for job in jobs}
    assert asked["alloy"].get("scheme", "http") == asked["loki"].get("scheme", "http") == scheme
    for job, listening in {"alloy": re.findall(r"listen-addr=\S+:(\d+)", said)[0], "loki": port}.items():
        assert asked[job]["static_configs"] == [{"targets": [f"{job}:{listening}"]}]


_HALVES = {"cert": "crt", "key": "key"}
_PROMETHEUS = {"default": "prometheus.yml", "poc": "poc.yml"}
