"""The Kafka broker's file: in memory while it runs, on the disk while it does not, never an old one by mistake."""

import shutil
import stat
from pathlib import Path

import pytest

from cli.kafka_folder import FolderNotOurs, choose


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "memory").mkdir()
    return tmp_path / "data"


@pytest.fixture
def memory(data: Path) -> Path:
    return data.parent / "memory"


def test_the_folder_in_memory_is_private_and_its_own_for_each_data_folder(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    assert folder.open() is False
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    assert folder.folder.parent == memory
    assert choose(data.parent / "other", memory).folder != folder.folder


def test_state_survives_a_reboot_after_a_clean_stop(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    folder.open()
    (folder.folder / "kafka.json").write_text("state")
    folder.save()
    assert not folder.folder.exists(), "what was saved need not fill the memory"
    assert choose(data, memory).open() is True
    assert (folder.folder / "kafka.json").read_text() == "state"


def test_a_copy_is_good_for_one_start_only(data: Path, memory: Path) -> None:
    """After a crash of the machine an older copy must not come back: the archive knows more than it does."""
    folder = choose(data, memory)
    folder.open()
    (folder.folder / "kafka.json").write_text("old")
    folder.save()
    assert folder.open() is True
    shutil.rmtree(folder.folder)  # the machine crashed
    assert choose(data, memory).open() is False


def test_what_is_in_memory_goes_before_the_copy(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    folder.open()
    (folder.folder / "kafka.json").write_text("new")
    (data / "kafka-saved").mkdir()
    (data / "kafka-saved" / "kafka.json").write_text("old")
    assert folder.open() is True
    assert (folder.folder / "kafka.json").read_text() == "new"


def test_what_could_not_be_saved_stays_in_memory(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    folder.open()
    (folder.folder / "kafka.json").write_text("state")
    (data / "kafka-saved.part").write_text("a file where a folder is to be made")
    with pytest.raises(OSError, match=r"kafka-saved\.part"):
        folder.save()
    assert (folder.folder / "kafka.json").read_text() == "state"


def test_a_broker_that_never_wrote_leaves_nothing_in_memory(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    folder.open()
    folder.save()
    assert not list(memory.iterdir())


def test_a_data_folder_made_anew_does_not_inherit_the_memory_of_the_old_one(data: Path, memory: Path) -> None:
    folder = choose(data, memory)
    folder.open()
    (folder.folder / "kafka.json").write_text("of the deleted one")
    shutil.rmtree(data)
    data.mkdir()
    assert choose(data, memory).open() is False
    assert not (folder.folder / "kafka.json").exists()


@pytest.mark.parametrize("kind", ["open to others", "a link"])
def test_a_folder_that_is_not_ours_alone_is_refused(data: Path, memory: Path, kind: str) -> None:
    folder = choose(data, memory)
    if kind == "a link":
        folder.folder.symlink_to(data)
    else:
        folder.folder.mkdir()
        folder.folder.chmod(0o755)
    with pytest.raises(FolderNotOurs, match=str(folder.folder)):
        folder.open()


def test_without_memory_it_stays_in_the_data_folder(data: Path) -> None:
    folder = choose(data, data / "no such folder")
    assert folder.open() is False
    (folder.folder / "kafka.json").write_text("state")
    folder.save()
    assert choose(data, data / "no such folder").open() is True
    assert folder.folder == data / "kafka"
