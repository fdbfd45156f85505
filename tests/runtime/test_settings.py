"""Settings: YAML under the environment, one clear line for what cannot be used, never a secret in it."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings, SettingsError, host_port, load


class RoomSettings(Settings):
    section: ClassVar[str] = "room"
    model_config = SettingsConfigDict(env_prefix="ROOM_")

    port: int = Field(1, ge=1, le=9)
    password: SecretStr | None = Field(None, min_length=8)


@pytest.fixture
def yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bluflow.yaml"
    monkeypatch.setenv("BLUFLOW_CONFIG", str(path))
    return path


def test_the_environment_overrides_the_file_which_overrides_the_default(
    yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml.write_text("broker: kafka:1\nroom: {port: 5}\nother: {port: 9}\n")
    assert (load(RoomSettings).broker, load(RoomSettings).port) == ("kafka:1", 5)
    monkeypatch.setenv("ROOM_PORT", "6")
    monkeypatch.setenv("BROKER", "kafka:2")
    assert (load(RoomSettings).broker, load(RoomSettings).port) == ("kafka:2", 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("room: {port: 10}", ("port", "less than or equal to 9", "'10'")),
        ("room: {prot: 1}", ("prot", "Extra inputs")),
        ("room: [", ("bluflow.yaml", "flow")),
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


def test_a_secret_behind_a_misspelt_name_is_not_shown(yaml: Path) -> None:
    yaml.write_text("room: {passwrd: hunter2}")
    with pytest.raises(SettingsError, match="passwrd") as caught:
        load(RoomSettings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["host", "host:", ":1", "host:port", "host:70000"])
def test_host_port_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        host_port(text)


def test_host_port_reads_an_ipv6_address() -> None:
    assert host_port("[::1]:9092") == ("::1", 9092)
