"""Secrets of the settings: known to the log so that it hides them, their files closed to others."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from runtime.secret_files import open_to_others, secrets_of
from runtime.settings import Settings, load


class SafeSettings(Settings):
    section: ClassVar[str] = "safe"
    model_config = SettingsConfigDict(env_prefix="SAFE_")

    password: SecretStr | None = Field(None)
    password_file: Path | None = Field(None)
    keys_file: Path | None = Field(None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SafeSettings:
    monkeypatch.chdir(tmp_path)
    Path("password").write_text("swordfish\n")
    Path("keys").write_text(f"7c:c6:b6:bd:4c:b5: {'0f' * 16}\n")
    monkeypatch.setenv("SAFE_PASSWORD", "hunter2")
    monkeypatch.setenv("SAFE_PASSWORD_FILE", "password")
    monkeypatch.setenv("SAFE_KEYS_FILE", "keys")
    monkeypatch.setenv("INFLUXDB_TOKEN_FILE", "none")
    return load(SafeSettings)


def test_every_secret_is_known(settings: SafeSettings) -> None:
    assert secrets_of(settings) == {"hunter2", "swordfish", "0f" * 16}


def test_a_file_that_others_can_read_is_named_with_its_setting(settings: SafeSettings) -> None:
    Path("password").chmod(0o600)
    Path("keys").chmod(0o640)
    assert open_to_others(settings) == ["keys (SAFE_KEYS_FILE) has mode 0640, others can use it: chmod 600"]
    Path("keys").chmod(0o400)
    assert open_to_others(settings) == []
