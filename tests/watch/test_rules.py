"""Rules and alerts: tried by promtool, each with a runbook, and of metrics that there are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cli.commands import app
from cli.secret_folder import ASKING, SecretFolder
from tests.watch.files import ROOT, RULE_TESTS, RULES, RUNBOOKS, alerts, known_metrics, metrics_in, rules


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    """With secrets of its own: promtool wants to see the files that are named."""
    SecretFolder(tmp_path / "secrets").complete([], [])
    shutil.copytree(ROOT / "prometheus", tmp_path / "prometheus")
    served = [tmp_path / "secrets" / f"{server}-web.yml" for server in ASKING]
    for path in (tmp_path / "prometheus" / "prometheus.yml", *served):
        path.write_text(path.read_text().replace("/run/secrets/", f"{tmp_path / 'secrets'}/"))
    promtool("check", "config", str(tmp_path / "prometheus" / "prometheus.yml"))
    promtool("check", "config", str(tmp_path / "prometheus" / "poc.yml"))
    promtool("check", "web-config", *map(str, served))
    promtool("check", "rules", *map(str, RULES))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_do_not_fire_as_their_tests_say(path: Any) -> None:
    promtool("test", "rules", str(path))


def test_the_example_of_a_room_s_limits_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    text = (ROOT / "prometheus" / "rules" / "rooms.yml").read_text()
    example = [line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# groups", "#   "))]
    (tmp_path / "rooms.yml").write_text("\n".join(example))
    assert len(yaml.safe_load("\n".join(example))["groups"][0]["rules"]) == 2
    promtool("check", "rules", str(tmp_path / "rooms.yml"))


def test_every_alert_is_tried_firing_and_not_firing() -> None:
    firing, quiet = set[str](), set[str]()
    for path in RULE_TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for one in case.get("alert_rule_test", ()):
                (firing if one["exp_alerts"] else quiet).add(one["alertname"])
    assert firing == quiet == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_its_runbook_lies(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert alert["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        f"# {name}",
        "## How to look",
        "## What to do",
    ]


def test_the_document_names_every_alert_under_its_severity() -> None:
    text = (ROOT / "docs" / "watching.md").read_text()
    for severity in ("critical", "warning"):
        [row] = re.findall(rf"^\| {severity} \| (.*) \|$", text, re.MULTILINE)
        named = re.findall(r"\[(\w+)\]\(runbooks/(\w+)\.md\)", row)
        assert all(name == page for name, page in named)
        assert {name for name, _ in named} == {
            name for name, alert in alerts().items() if alert["labels"]["severity"] == severity
        }


def test_there_is_no_runbook_without_its_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts())


def test_commands_and_alerts_that_runbooks_name_exist() -> None:
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        for words in re.findall(r"\bbluflow ([a-z][a-z -]*)", text):
            command: Any = get_command(app)
            for word in words.split():
                if word.startswith("--") or not hasattr(command, "commands"):
                    break
                command = command.commands.get(word)
                assert command is not None, f"{path.name}: bluflow {words}"
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for word in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", prose):
            assert word in alerts(), f"{path.name}: {word}"


def test_every_metric_of_rules_and_their_tests_is_documented() -> None:
    named = {metric for rule in rules() for metric in metrics_in(rule["expr"])}
    for path in RULE_TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            named |= {metric for one in case["input_series"] for metric in metrics_in(one["series"])}
    named |= {rule["record"] for rule in rules() if "record" in rule}
    assert {"shelly_sensor_silence", "up", "sensor:info", "bluflow_sink_failing"} < named
    assert named - known_metrics() == set()
