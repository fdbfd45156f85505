"""What the documents say is what the code has: settings, topics, metrics, links, words."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import prometheus_client
import pytest

import api.homeassistant.metrics
import bridge.metrics
import shelly.inventory.metrics
import streams.metrics
import streams.sinks.metrics
from api.live import Live
from api.metrics import Metrics
from history.parquet import SCHEMA, Facts
from schemas.topics import DAY, TOPICS
from shelly.world.scenario import house
from shelly.world.world import addresses
from streams.formats.reasons import REASONS

ROOT = Path(__file__).parents[1]


def test_every_setting_stands_in_the_env_example() -> None:
    """`bluflow config --env > .env.example` mends it."""
    printed = subprocess.run(
        [sys.executable, "-m", "cli", "config", "--env"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ROOT / ".env.example").read_text() == printed.stdout


def test_every_topic_stands_in_the_readme() -> None:
    rows = {
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("|")
    }
    for topic in TOPICS:
        retention = f"{topic.retention // DAY} d" if topic.retention else "-"
        partitions = f"{topic.partitions}, {topic.embedded_partitions}"
        assert (topic.name, topic.key, topic.value, topic.cleanup, retention, partitions) in rows


def metric_names() -> set[str]:
    """Every metric of ours, as Prometheus sees it."""
    assert api.homeassistant.metrics
    assert bridge.metrics
    assert shelly.inventory.metrics
    assert streams.metrics
    assert streams.sinks.metrics
    registries = [prometheus_client.REGISTRY, Metrics(Live(), lambda: 0).registry]
    found = set()
    for registry in registries:
        for family in registry.collect():
            if family.name.startswith(("bluflow_", "shelly_")):
                found.add(family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""))
    return found


def test_the_readme_asks_for_a_sensor_that_the_simulator_has() -> None:
    first_look = (ROOT / "README.md").read_text().partition("## Two commands")[2].partition("\n## ")[0]
    asked = {
        mac.lower().replace("-", ":") for mac in re.findall(r"(?i)/(7c[:-]c6[:-]b6(?:[:-][0-9a-f]{2}){3})", first_look)
    }
    assert asked
    assert asked <= set(addresses(house(sensors=12)))


def test_every_metric_stands_in_its_document_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert documented == metric_names()


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    text = (ROOT / "docs" / "dead-letters.md").read_text()
    explained = {
        word for row in re.findall(r"^\| [a-z ]+ \| (.*?) \|", text, re.MULTILINE) for word in row.split("`")[1::2]
    }
    elsewhere = {"undeliverable", "bad_record", "counter_replayed", "undecodable", "rejected"}
    assert explained == {*REASONS, *elsewhere}


def test_every_option_in_the_gateway_s_document_is_one_and_none_is_missing() -> None:
    import typer.main

    from cli.gateway import gateway

    commands = typer.main.get_group(gateway).commands
    options = {name for command in commands.values() for option in command.params for name in option.opts}
    text = (ROOT / "docs" / "gateway.md").read_text()
    named = set(re.findall(r"--[a-z][a-z-]+", text)) - {"--lan"}  # of `bluflow run`
    assert named == {name for name in options if name.startswith("--")} - {"--help"}
    assert set(re.findall(r"bluflow gateway ([a-z]+)", text)) <= set(commands)


def test_every_option_of_the_secrets_command_stands_in_the_deployment_s_document() -> None:
    import typer.main

    from cli.secrets import secrets

    init = typer.main.get_group(secrets).commands["init"]
    text = (ROOT / "docs" / "deploy.md").read_text()
    for option in init.params:
        assert all(name in text for name in option.opts), option.opts


def test_every_option_shape_and_key_of_the_simulator_stands_in_its_document() -> None:
    import typer.main

    from cli.commands import app
    from shelly.world import scenario_file, truth
    from shelly.world.gateway import SHAPES
    from shelly.world.message import Why

    text = (ROOT / "docs" / "simulate.md").read_text()
    commands = typer.main.get_group(app).commands
    params = [*commands["simulate"].params, *commands["truth"].params]
    options = {name for option in params for name in option.opts if name.startswith("--")}
    assert set(re.findall(r"--[a-z][a-z-]+", text)) == options - {"--help"}
    example = text.partition("```yaml")[2].partition("```")[0]
    assert scenario_file.parse_scenario(example, "docs/simulate.md", "cellar").events
    keys = {*scenario_file.SCENARIO, *scenario_file.GATEWAY, *scenario_file.SENSOR, *scenario_file.EVENT}
    assert all(re.search(rf"\b{key}:", example) for key in keys)
    lines = (truth.Head, truth.Sent, truth.Published, truth.Dropped, truth.Event)
    fields = {field for line in lines for field in line.__struct_fields__}
    words = {*SHAPES, *get_args(Why), *fields, *(str(line.__struct_config__.tag) for line in lines)}
    assert {word for word in words if f"`{word}`" not in text} == set()


def test_every_variable_of_the_compose_files_is_explained() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text()
    files = "".join(path.read_text() for path in ROOT.glob("*compose*.yml"))
    for variable in set(re.findall(r"\$\{(\w+)", files)):
        assert f"`{variable}" in text, variable


def test_every_column_and_fact_of_an_exported_file_is_explained() -> None:
    """In their order; others' queries rest on it."""
    text = (ROOT / "docs" / "archive.md").read_text()
    names = [
        name for cell in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert names == [*SCHEMA.names, *Facts.__struct_fields__]


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_a_document_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / document).read_text()):
        assert (ROOT / target).exists(), target
    for folder in re.findall(
        r"`((?:streams|bridge|api|schemas|tests|history|cli|runtime|shelly)/[\w/.]*)`", (ROOT / document).read_text()
    ):
        assert (ROOT / folder).exists() or (ROOT / f"{folder}.py").exists(), folder


def test_no_file_is_too_long_to_read() -> None:
    files = [path for path in ROOT.rglob("*.py") if not set(path.parts) & {".venv", ".build", "build"}]
    lengths = {path: len(path.read_text().splitlines()) for path in files}
    assert {str(path): length for path, length in lengths.items() if length > 350} == {}
