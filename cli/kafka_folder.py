"""Where the embedded Kafka broker keeps its one file: in memory while it runs, in the data folder while it does not.

noida-db rewrites the whole file about once a second; a disk is spared that. The copy in the data folder is made after
a clean stop and is good for one start only: once the broker has run on, it is out of date and would bring back an
older state than the archive holds.
"""

import hashlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  what is made there is ours alone, and checked
_STATE = "kafka.json"
_TOKEN = "owner"  # noqa: S105  a name, so that a data folder that was deleted and made anew does not inherit


class FolderNotOurs(Exception):
    """The memory folder is there and belongs to somebody else; one line."""


@dataclass(frozen=True, slots=True)
class KafkaFolder:
    """`folder` is what the broker gets; `saved` is where its file waits for the next start, None if it need not."""

    folder: Path
    saved: Path | None
    token: Path

    def open(self) -> bool:
        """Make the folder ready; False if there is no earlier state. Raises FolderNotOurs, OSError."""
        if self.saved is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return (self.folder / _STATE).exists()
        mine = self._own_token()
        self._claim()
        mark = self.folder / _TOKEN
        if not mark.exists() or mark.read_text() != mine:
            for old in self.folder.iterdir():
                old.unlink()
            if (self.saved / _STATE).exists():
                shutil.copy2(self.saved / _STATE, self.folder / _STATE)
            mark.write_text(mine)
        shutil.rmtree(self.saved, ignore_errors=True)
        return (self.folder / _STATE).exists()

    def forget(self) -> None:
        """Let go of the state in the opened folder, when no broker runs on it. Raises OSError."""
        for file in self.folder.iterdir():
            if file.name != _TOKEN:
                file.unlink()

    def save(self) -> None:
        """Move the file to the disk, after the broker ended cleanly: whole or not at all. Raises OSError.

        The folder in memory is gone then; it stays if the copy cannot be made.
        """
        if self.saved is None:
            return
        if (self.folder / _STATE).exists():
            self._copy(self.saved)
        shutil.rmtree(self.folder)

    def _copy(self, saved: Path) -> None:
        part = saved.with_name(saved.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        shutil.copy2(self.folder / _STATE, part / _STATE)
        with (part / _STATE).open("rb") as file:
            os.fsync(file.fileno())
        part.rename(saved)

    def _own_token(self) -> str:
        if not self.token.exists():
            self.token.write_text(secrets.token_hex(16))
        return self.token.read_text()

    def _claim(self) -> None:
        # /dev/shm is everybody's: take only a real folder of our own that nobody else may enter
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError:
            found = self.folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
                raise FolderNotOurs(f"{self.folder} exists and is not a folder of yours alone: remove it") from None


def choose(data: Path, memory: Path = MEMORY) -> KafkaFolder:
    """In memory where `memory` can be written, else in the data folder itself."""
    token = data / "kafka-id"
    if not (memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)):
        return KafkaFolder(data / "kafka", None, token)
    name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    return KafkaFolder(memory / f"bluflow-{os.getuid()}-{name}", data / "kafka-saved", token)
