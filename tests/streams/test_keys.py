"""Bind keys from a secrets file: any writing of a MAC, clear errors, never a key in a message."""

import os
from pathlib import Path

import pytest

from streams.keys import InvalidKeys, KeyFile, load_keys

KEY = "231d39c1d7cc1ab1aee224cd096db932"
DIGITS = "12345678901234567890123456789012"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"54:48:E6:8F:80:A5: {KEY}\n",
        f"5448e68f80a5: '{KEY.upper()}'  # kitchen\n",
        f'{{"54-48-e6-8f-80-a5": "{KEY}"}}',
        f'{{\n\t"5448E68F80A5": "{KEY}"}}',
    ],
)
def test_yaml_or_json_any_writing_of_a_mac(tmp_path: Path, text: str) -> None:
    assert load_keys(written(tmp_path, text)) == {"54:48:e6:8f:80:a5": bytes.fromhex(KEY)}


def test_digits_only_are_no_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, f"11:22:33:44:55:10: {DIGITS}\n'000000000001': 0{DIGITS[1:]}\n112233445566: {DIGITS}\n")
    assert load_keys(path) == {
        "11:22:33:44:55:10": bytes.fromhex(DIGITS),
        "00:00:00:00:00:01": bytes.fromhex("0" + DIGITS[1:]),
        "11:22:33:44:55:66": bytes.fromhex(DIGITS),
    }


def test_an_empty_file_has_no_keys(tmp_path: Path) -> None:
    assert load_keys(written(tmp_path, "# none yet\n")) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"54:48:e6:8f:80: {KEY}", "54:48:e6:8f:80 is not a MAC address"),
        (f"{KEY}: 54:48:e6:8f:80:a5", "entry 1 is not a MAC address"),
        (f"54:48:e6:8f:80:a5: {KEY[:-2]}", "54:48:e6:8f:80:a5 is not 32 hex digits"),
        (f"54:48:e6:8f:80:a5: {KEY[:-1]}", "54:48:e6:8f:80:a5 is not hex digits"),
        (f"54:48:e6:8f:80:a5: {KEY[:-1]}g", "54:48:e6:8f:80:a5 is not hex digits"),
        ("54:48:e6:8f:80:a5:", "54:48:e6:8f:80:a5 is not 32 hex digits"),
        (f"54:48:e6:8f:80:a5: [{KEY}]", "entry 1 is not a MAC address and a key"),
        (f"54:48:e6:8f:80:a5: {KEY}\n5448e68f80a5: {KEY}", "54:48:e6:8f:80:a5 is there twice"),
        (f"- {KEY}", "not a mapping"),
        (f"a: '{KEY}\nb: c", "neither YAML nor JSON, line"),
        (f"{{'54:48:e6:8f:80:a5' '{KEY}'}}", "neither YAML nor JSON"),
    ],
)
def test_error_names_file_and_mac_in_one_line_never_the_key(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidKeys) as refused:
        load_keys(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message
    assert KEY[:8] not in message


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeys, match=r"nowhere\.yaml: No such file"):
        load_keys(tmp_path / "nowhere.yaml")
    with pytest.raises(InvalidKeys, match="directory"):
        load_keys(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidKeys, match="not UTF-8"):
        load_keys(tmp_path / "binary")


def test_an_edited_file_is_read_again_and_a_bad_one_is_told_once(tmp_path: Path) -> None:
    path = written(tmp_path, f"54:48:e6:8f:80:a5: {KEY}\n")
    file = KeyFile(path)
    before = file.keys
    assert file.refresh() is None
    assert file.keys is before

    path.write_text("54:48:e6:8f:80:a5: nonsense\n")
    assert "54:48:e6:8f:80:a5" in (file.refresh() or "")
    assert file.refresh() is None
    assert file.keys == before

    path.unlink()
    assert "No such file" in (file.refresh() or "")
    assert file.keys == before

    path.write_text(f"5448e68f80a5: {DIGITS}\n")
    os.utime(path, (1, 1))
    assert file.refresh() is None
    assert file.keys == {"54:48:e6:8f:80:a5": bytes.fromhex(DIGITS)}


def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeys):
        KeyFile(tmp_path / "nowhere.yaml")
