"""Settings: YAML under the environment, one clear line for what cannot be used, never a secret in it."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from cli.config import settings_classes
from runtime.settings import Settings, SettingsError, host_port, load, variable
from streams.settings import StreamsSettings


class RoomSettings(Settings):
    section: ClassVar[str] = "room"
    model_config = SettingsConfigDict(env_prefix="ROOM_")

    port: int = Field(1, ge=1, le=9)
    password: SecretStr | None = Field(None, min_length=8)
    door_file: Path | None = None


@pytest.fixture
def yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bluflow.yaml"
    monkeypatch.setenv("BLUFLOW_CONFIG", str(path))
    return path


def test_the_environment_overrides_the_file_which_overrides_the_default(
    yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml.write_text("broker: kafka:1\nroom: {port: 5}\napi: {port: 9}\n")
    assert (load(RoomSettings).broker, load(RoomSettings).port) == ("kafka:1", 5)
    monkeypatch.setenv("ROOM_PORT", "6")
    monkeypatch.setenv("BROKER", "kafka:2")
    assert (load(RoomSettings).broker, load(RoomSettings).port) == ("kafka:2", 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("room:\n  port: 10", (":2: setting room.port (ROOM_PORT", "less than or equal to 9", "'10'")),
        ("room:\n  prot: 1", (":2: there is no setting room.prot; did you mean room.port?",)),
        ("\nbrokr: x", (":2: there is no setting brokr; did you mean broker?",)),
        ("\nrom: {}", (":2: there is no setting rom; did you mean room?",)),
        ("zzz: {}", (":1: there is no setting zzz; there are api, bridge, ", "topic_prefix")),
        ("room:\n  port: 2\n  port: 3", (":3: room.port is there twice",)),
        ("room: 7", (":1: settings must be names with values",)),
        ("topic_prefix: a b", ("topic_prefix", "A-Z a-z")),
        (f"topic_prefix: {'x' * 101}", ("topic_prefix", "at most 100")),
        ("data: ''", ("data", "empty: name a path")),
        ("sensors_file: ' '", ("sensors_file", "empty: name a path")),
        ("log_format: xml", ("log_format", "'json'")),
        ("room: [", ("bluflow.yaml:1: not YAML", "flow")),
        ("- a list", ("bluflow.yaml", "names with values")),
        ("broker: here", ("'here' is not host:port",)),
        ("log_level: loud", ("log_level", "DEBUG")),
    ],
)
def test_what_cannot_be_used_is_one_line(yaml: Path, text: str, words: tuple[str, ...]) -> None:
    yaml.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(RoomSettings)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_bad_secret_is_not_shown(yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml.write_text("")
    monkeypatch.setenv("ROOM_PASSWORD", "hunter2")
    with pytest.raises(SettingsError, match="password") as caught:
        load(RoomSettings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ['"hunter2', "*hunter2", "!hunter2 x", "[hunter2", "!'hunter2 x"])
def test_a_secret_where_the_yaml_breaks_is_not_shown(yaml: Path, value: str) -> None:
    yaml.write_text(f"room:\n  password: {value}\n")
    with pytest.raises(SettingsError, match=r"bluflow\.yaml:[23]: not YAML: ") as caught:
        load(RoomSettings)
    assert "hunter2" not in str(caught.value)


def test_a_secret_behind_a_misspelt_name_is_not_shown(yaml: Path) -> None:
    yaml.write_text("room: {passwrd: hunter2}")
    with pytest.raises(SettingsError, match="passwrd") as caught:
        load(RoomSettings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("BLUFLOW_TOPIC_PREFX", "did you mean BLUFLOW_TOPIC_PREFIX?"),
        ("bluflow_dat", "did you mean BLUFLOW_DATA?"),
        ("BLUFLOW_BROKER", "did you mean BROKER?"),
        ("BLUFLOW_XYZ", "`bluflow config` lists them all"),
        ("INFLUXDB_TOKN_FILE", "did you mean INFLUXDB_TOKEN_FILE?"),
        ("ROOM_PRT", "did you mean ROOM_PORT?"),
        ("ROOM_HOST", "did you mean BLUFLOW_HOST?"),
    ],
)
def test_a_misspelt_name_in_the_environment_is_refused(
    yaml: Path, monkeypatch: pytest.MonkeyPatch, given: str, meant: str
) -> None:
    yaml.write_text("")
    monkeypatch.setenv(given, "hunter2")
    with pytest.raises(SettingsError) as caught:
        load(RoomSettings)
    assert str(caught.value) == f"environment variable {given}: there is no such setting; {meant}"


def test_names_of_other_programs_are_left_alone(yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others begin their names with INFLUXDB_ too; another process's names are that process's to look at."""
    yaml.write_text("")
    monkeypatch.setenv("INFLUXDB_ADMIN_USER", "x")
    monkeypatch.setenv("BRIDGE_PRT", "x")
    assert load(RoomSettings).port == 1


@pytest.mark.parametrize("name", ["LOG_LEVEL", "HOST", "DATA", "GENERATION"])
def test_a_name_that_lacks_our_prefix_is_another_program_s(
    yaml: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each client of Kafka reads the common settings: they would not be usable, or other ones than the process has."""
    yaml.write_text("")
    monkeypatch.setenv(name, "trace me")
    assert Settings() == load(Settings)
    assert "trace me" not in str(Settings())


def test_a_bad_value_is_named_where_it_was_given(yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml.write_text("room: {port: 10}")
    monkeypatch.setenv("ROOM_PORT", "11")
    with pytest.raises(SettingsError, match=r"^setting ROOM_PORT \(room\.port in bluflow\.yaml\): .*'11'"):
        load(RoomSettings)


def test_an_empty_file_or_section_is_none(yaml: Path) -> None:
    for text in ("", "# none\n", "room:\n", "room: {}\n"):
        yaml.write_text(text)
        assert load(RoomSettings).port == 1


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_optional_setting_is_not_set(yaml: Path, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    """An empty path would be the folder where one happens to stand."""
    yaml.write_text(f"room: {{door_file: '{empty}', password: '{empty}'}}")
    assert (load(RoomSettings).door_file, load(RoomSettings).password) == (None, None)
    yaml.write_text("room: {door_file: key, password: long enough}")
    monkeypatch.setenv("ROOM_DOOR_FILE", empty)
    monkeypatch.setenv("ROOM_PASSWORD", empty)
    assert (load(RoomSettings).door_file, load(RoomSettings).password) == (None, None)


def test_an_empty_name_of_the_file_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUFLOW_CONFIG", "")
    assert load(RoomSettings).port == 1
    (tmp_path / "bluflow.yaml").write_text("room: {port: 5}")
    assert load(RoomSettings).port == 5


def test_every_path_that_may_be_left_out_may_be_empty(yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml.write_text("")
    optional = [
        (kind, name)
        for kind in settings_classes()
        for name, field in kind.model_fields.items()
        if field.annotation == Path | None
    ]
    assert (StreamsSettings, "keys_file") in optional
    for kind, name in optional:
        monkeypatch.setenv(variable(kind, name), "")
        assert getattr(load(kind), name) is None


@pytest.mark.parametrize("text", ["host", "host:", ":1", "host:port", "host:70000"])
def test_host_port_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        host_port(text)


def test_host_port_reads_an_ipv6_address() -> None:
    assert host_port("[::1]:9092") == ("::1", 9092)
