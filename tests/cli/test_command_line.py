"""`bluflow` as a user meets it: every trouble is one line and exit 2, and never a traceback."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cli import __main__ as command_line
from cli import commands
from cli.checks import lock, make_folder
from cli.config import settings_classes
from cli.kafka_folder import choose
from runtime.config_file import SECTIONS
from tests.cli.processes import ROOT, bluflow, environment


@pytest.fixture
def ports(free_port: Callable[[], int]) -> dict[str, str]:
    names = ("RUN_KAFKA", "RUN_MQTT", "BRIDGE", "STREAMS", "SINKS", "API", "INVENTORY")
    return {f"{name}_PORT": str(free_port()) for name in names}


@pytest.mark.parametrize(
    ("arguments", "env", "line"),
    [
        ((), {}, "Missing command"),
        (("fly",), {}, "No such command 'fly'"),
        (("run", "--fly"), {}, "No such option: --fly"),
        (("run", "192.0.2.1"), {}, "an address goes with --lan"),
        (("run",), {"RUN_KAFKA_PORT": "x"}, r"setting RUN_KAFKA_PORT \(run.kafka_port in bluflow.yaml\): .*given: 'x'"),
        (("run",), {"API_PORT": "99999"}, r"setting API_PORT \(api.port in bluflow.yaml\): "),
        (("run",), {"BLUFLOW_DATA": ""}, "setting BLUFLOW_DATA .*: empty: name a path"),
        (("run",), {"BRIDGE_PRT": "1"}, r"environment variable BRIDGE_PRT: .* did you mean BRIDGE_PORT\?"),
        (("run",), {"BLUFLOW_TOPIC_PREFIX": "my house"}, "setting BLUFLOW_TOPIC_PREFIX .*: at most 100 of A-Z"),
        (("run",), {"BLUFLOW_HOST": "192.0.2.1"}, "192.0.2.1, .* is not one of this machine: correct BLUFLOW_HOST"),
        (("run", "--lan", "192.0.2.1"), {}, r"192.0.2.1, .*: correct the address after --lan \(RUN_LAN\)"),
        (("run",), {"BLUFLOW_CONFIG": "none.yaml"}, "none.yaml: no such file"),
        (("simulate", "--format", "morse"), {}, "no format 'morse'; there are mixed, bluflow"),
        (("simulate", "--mqtt", "here"), {}, "'here' is not host:port"),
        (("simulate", "--speed", "0"), {}, "--speed needs --count or --duration"),
        (("simulate", "--speed", "fast"), {}, "--speed: 'fast' is neither a number such as 10 nor max"),
        (("simulate", "--start", "noon", "--count", "1"), {}, "--start"),
        (("simulate", "hom"), {}, "no scenario 'hom'; there are battery, clock, .*, or the path of a file of yours"),
        (("simulate", "home", "--sensors", "3"), {}, "--sensors is of the house without a scenario: .*home.yaml"),
        (("simulate", "--truth", "none/truth", "--count", "1"), {}, "none/truth cannot be written: No such file"),
        (("simulate", "--keys-file", "none/keys", "--encrypted", "1"), {}, "none/keys cannot be written: No such file"),
        (("topics", "--create"), {"BROKER": "127.0.0.1:1"}, "no Kafka broker answers on 127.0.0.1:1"),
    ],
)
def test_a_wrong_word_or_setting_is_one_line_and_exit_2(
    arguments: tuple[str, ...], env: dict[str, str], line: str, tmp_path: Path
) -> None:
    done = bluflow(*arguments, folder=tmp_path, **env)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"bluflow: .*{line}.*\n", done.stderr), done.stderr


def test_help_and_version_name_the_program(tmp_path: Path) -> None:
    assert bluflow("--help", folder=tmp_path).stdout.lstrip().startswith("Usage: bluflow [OPTIONS] COMMAND")
    said = bluflow("--version", folder=tmp_path).stdout
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert said == f"bluflow {project['version']}\n"


def test_ctrl_c_while_it_loads_shows_nothing(tmp_path: Path) -> None:
    """A library that is interrupted while it is imported stands for the moment."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, "-P", "-m", "cli", "--help"]
    env = environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_every_section_of_the_settings_is_known_to_all() -> None:
    assert {kind.section for kind in settings_classes()} == set(SECTIONS)


def test_run_refuses_a_taken_port_before_it_starts_anything(tmp_path: Path, ports: dict[str, str], mqtt: str) -> None:
    taken = mqtt.rpartition(":")[2]
    done = bluflow("run", folder=tmp_path, **{**ports, "SINKS_PORT": taken})
    assert done.returncode == 2
    assert done.stderr == (
        f"bluflow: port {taken} on 127.0.0.1, wanted by sinks, is in use: "
        "stop what uses it or choose another with SINKS_PORT=...\n"
    )
    assert not list((tmp_path / "data" / "logs").iterdir())


def test_run_refuses_a_sensors_file_before_it_starts_anything(tmp_path: Path, ports: dict[str, str]) -> None:
    (tmp_path / "sensors.yaml").write_text("sensors:\n  attic: {}\n")
    done = bluflow("run", folder=tmp_path, **ports)
    assert done.returncode == 2
    assert re.fullmatch(r"bluflow: sensors.yaml:2: 'attic' is not a MAC address\n", done.stderr), done.stderr
    assert not list(tmp_path.glob("data/logs/*"))


def test_a_child_that_refuses_leaves_nothing_in_memory(tmp_path: Path, ports: dict[str, str]) -> None:
    done = bluflow("run", folder=tmp_path, **{**ports, "STREAMS_KEYS_FILE": "none.yaml"})
    assert done.returncode == 2
    assert re.fullmatch(r"bluflow: .*none.yaml.*\n", done.stderr), done.stderr
    assert not choose(tmp_path / "data").folder.exists()


def test_run_refuses_a_data_folder_that_another_run_holds(tmp_path: Path, ports: dict[str, str]) -> None:
    with lock(make_folder(tmp_path / "data")):
        done = bluflow("run", folder=tmp_path, **ports)
    assert done.returncode == 2
    assert re.fullmatch(r"bluflow: another `bluflow run` \(process \d+\) uses .*\n", done.stderr)


@pytest.mark.parametrize("name", ["BROKER", "MQTT"])
def test_run_refuses_a_broker_that_does_not_answer(tmp_path: Path, ports: dict[str, str], name: str) -> None:
    done = bluflow("run", folder=tmp_path, **{**ports, name: "127.0.0.1:1"})
    assert done.returncode == 2
    assert re.fullmatch(rf"bluflow: no .* broker answers on 127.0.0.1:1: .*{name}=host:port\n", done.stderr)


def test_run_refuses_lan_with_a_real_mqtt_broker(tmp_path: Path, ports: dict[str, str], mqtt: str) -> None:
    done = bluflow("run", "--lan", folder=tmp_path, **{**ports, "MQTT": mqtt})
    assert done.returncode == 2
    assert re.fullmatch(r"bluflow: --lan is for the embedded MQTT broker.*\n", done.stderr)


def test_what_nobody_expected_is_one_line_with_a_number_that_leads_to_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the sky\nfell")

    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("BLUFLOW_DATA", str(tmp_path))
    monkeypatch.setattr(commands, "app", fail)
    with pytest.raises(SystemExit) as ended:
        command_line.main([])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    found = re.fullmatch(r"bluflow: unexpected RuntimeError: the sky fell \(number (\w+) in (.*)\)\n", said)
    assert found
    assert f"--- {found[1]}\nTraceback" in Path(found[2]).read_text()


def test_config_shows_values_and_sources_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "bluflow.yaml").write_text("topic_prefix: house.\nbridge: {password: swordfish, user: me}\n")
    done = bluflow("config", folder=tmp_path, API_PORT="8123", BROKER="kafka:1")
    assert done.returncode == 0
    assert "swordfish" not in done.stdout + done.stderr
    shown = yaml.safe_load(done.stdout)
    assert (shown["broker"], shown["topic_prefix"]) == ("kafka:1", "house.")
    assert (shown["api"]["port"], shown["bridge"]["user"]) == (8123, "me")
    assert set(shown["bridge"]["password"]) == {"*"}
    assert "port: 8123  # environment API_PORT\n" in done.stdout
    assert "topic_prefix: house.  # bluflow.yaml\n" in done.stdout
    assert "kafka_port: 9092  # default\n" in done.stdout


def test_config_env_gives_defaults_that_every_process_accepts(tmp_path: Path) -> None:
    done = bluflow("config", "--env", folder=tmp_path)
    given = dict(line[1:].split("=", 1) for line in done.stdout.splitlines() if re.match(r"#[A-Z_]+=", line))
    assert len(given) == len(re.findall(r"^#[A-Z]", done.stdout, re.MULTILINE))
    assert {"BROKER", "MQTT", "SIMULATE", "API_PORT", "RUN_LAN", "STREAMS_KEYS_FILE", "SINKS_PORT"} <= given.keys()
    same = bluflow("config", folder=tmp_path, **given)
    assert same.returncode == 0, same.stderr
    plain = bluflow("config", folder=tmp_path)
    assert yaml.safe_load(same.stdout) == yaml.safe_load(plain.stdout)


def test_topics_prints_and_creates(tmp_path: Path, kafka: str, topic_prefix: str) -> None:
    env = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topic_prefix}
    text = bluflow("topics", folder=tmp_path, **env).stdout
    assert re.search(rf"^{topic_prefix}raw-frames.v1 +gateway +.* 24 +delete +2592000$", text, re.MULTILINE)
    first = bluflow("topics", "--create", "--embedded", "--json", folder=tmp_path, **env)
    rows = json.loads(first.stdout)
    assert {row["partitions"] for row in rows} == {4, 1}
    for row in rows:
        assert row["name"] in first.stderr
    again = bluflow("topics", "--create", "--embedded", folder=tmp_path, **env)
    assert again.stderr == "made: nothing, all were there\n"
    other = bluflow("topics", "--create", folder=tmp_path, **env)
    assert other.returncode == 2
    assert re.fullmatch(r"bluflow: the topics cannot be made on .* has 4 partitions, not 24.*\n", other.stderr)
