"""A file for its owner alone: whole at every moment, and changed by one at a time."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from runtime.errors import SettingsError
from runtime.private_file import alone, replace


def test_it_is_its_owner_s_alone_and_replaces_one_that_was_open_to_all(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        replace(path, "new")
    finally:
        os.umask(before)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_whoever_reads_meanwhile_has_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    replace(path, "old")
    with path.open() as reader:
        replace(path, "new and longer")
        assert reader.read() == "old"


def test_what_cannot_be_replaced_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(SettingsError, match=r"secret: Is a directory"):
        replace(tmp_path / "secret", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def _add(path: Path, times: int) -> None:
    for _ in range(times):
        with alone(path):
            replace(path, str(int(path.read_text()) + 1 if path.exists() else 1))


def test_two_that_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "made" / "count"
    spawned = multiprocessing.get_context("spawn")
    both = [spawned.Process(target=_add, args=(path, 100)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert path.read_text() == "200"
