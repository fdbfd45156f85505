"""What every process reads of the API's settings: whether its metrics ask for a key, and where the keys are."""

from pathlib import Path

import pytest

from runtime.api_keys import InvalidApiKeys, create
from runtime.page_keys import page_keys
from runtime.settings import SettingsError


@pytest.fixture(autouse=True)
def yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bluflow.yaml"


def test_on_loopback_nobody_is_asked_and_elsewhere_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page_keys() is None
    monkeypatch.setenv("BLUFLOW_HOST", "0.0.0.0")
    keys = page_keys()
    assert keys is not None
    assert (keys.path, keys.keys) == (Path("data/api-keys.json"), ())
    monkeypatch.setenv("API_KEYS", "none")
    assert page_keys() is None


def test_they_are_the_api_s_keys_wherever_its_settings_name_them(yaml: Path) -> None:
    """Its other settings, right or wrong, are its own affair."""
    yaml.write_text("api: {keys: required, keys_file: mine.json, port: 9, prot: 9}\n")
    create(Path("mine.json"), "prometheus", "metrics", 1)
    keys = page_keys()
    assert keys is not None
    assert [key.name for key in keys.keys] == ["prometheus"]


def test_names_in_the_environment_that_are_the_api_s_or_another_program_s_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("API_KEY", "API_PORT", "API_HOST"):
        monkeypatch.setenv(name, "x")
    assert page_keys() is None


def test_what_cannot_be_used_is_one_line(yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml.write_text("\napi: {keys: maybe}\n")
    with pytest.raises(SettingsError, match=r"bluflow\.yaml:2: setting api\.keys \(API_KEYS in the environment\)"):
        page_keys()
    monkeypatch.setenv("API_KEYS", "required")
    Path("data").mkdir()
    Path("data/api-keys.json").write_text("{}")
    with pytest.raises(InvalidApiKeys, match=r"data/api-keys\.json: not a file of API keys"):
        page_keys()
