"""`bluflow archive import`: the records of Parquet files into the embedded archive."""

import math
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cli.checks import make_folder
from cli.shelf import frame_files
from cli.teller import Teller
from cli.unusable import Unusable
from history.archive import Archive
from history.parquet import DAY_MS
from history.parquet_file import FrameFile
from streams.replay.source import Progress

_BATCH = 2000  # records; so long the sinks, if they run, wait for the file
_PATIENCE = 30.0  # seconds to wait for what they write


class Imported(NamedTuple):
    """Records of a file, and how many of them the archive did not hold."""

    file: FrameFile
    records: int
    new: int


async def import_files(paths: Sequence[Path], data: Path, keep_days: float) -> list[Imported]:
    """Take them into the archive of `data`, which keeps a record for `keep_days`.

    Raises Unusable before anything is taken if the sinks would delete it again; UnusableFile, StoreUnavailable.
    """
    files = sorted(frame_files(paths), key=lambda file: (file.facts.day, file.path))
    _check_age(files, keep_days)
    archive = Archive(make_folder(data) / "archive.sqlite", busy_timeout=_PATIENCE)
    done, total, count = list[Imported](), sum(file.facts.rows for file in files), 0
    try:
        with Teller(sys.stderr) as teller:
            for file in files:
                new, records = 0, file.placed(file.facts.day, file.facts.day + DAY_MS)
                before = count
                while batch := list(islice(records, _BATCH)):
                    new += await archive.write(batch)
                    count += len(batch)
                    teller.tell(Progress(count, total, batch[-1].received_at))
                done.append(Imported(file, count - before, new))
    finally:
        await archive.close()
    return done


def _check_age(files: Sequence[FrameFile], keep_days: float) -> None:
    now = time.time_ns() // 1_000_000
    for file in files:
        if file.facts.first is None:
            continue
        age = (now - file.facts.first) / DAY_MS
        if age > keep_days:
            raise Unusable(
                f"{file.path}: older than the {keep_days:g} days that the archive keeps a frame, so the sinks would "
                f"delete it again: set SINKS_ARCHIVE_DAYS={math.ceil(age) + 1} or more for them and here, or fold "
                "it without taking it in: bluflow replay --from-archive PATH"
            )
