"""Parquet files of raw records, of any days, that overlap or not, as one archive to read from."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from history.archive import Place, Placed
from history.parquet import UnusableFile
from history.parquet_day import merged
from history.parquet_file import FrameFile
from history.spans import Span, union


def find(path: Path) -> list[Path]:
    """The file, or every *.parquet of the folder and the folders in it. Raises UnusableFile if there is none."""
    found = sorted(path.rglob("*.parquet")) if path.is_dir() else [path] if path.is_file() else []
    if not found:
        what = "there is no Parquet file in this folder" if path.is_dir() else "there is no such file or folder"
        raise UnusableFile(f"{path}: {what}")
    return found


class ParquetShelf:
    """One day's files are open at a time. Every call raises UnusableFile."""

    def __init__(self, files: Sequence[FrameFile]) -> None:
        self._days = sorted(files, key=lambda file: (file.facts.day, file.path))
        self.covered: list[Span] = union(span for file in files for span in file.facts.covered)

    def placed(self, start: int, end: int) -> Iterator[Placed]:
        """The records with start <= received_at < end (unix milliseconds), in order, each once."""
        for files in self._by_day(start, end):
            yield from merged([file.placed(start, end) for file in files])

    def places(self, start: int, end: int) -> Iterator[Place]:
        """As `placed`, the places alone, each once."""
        for files in self._by_day(start, end):
            in_order = heapq.merge(*(file.places(start, end) for file in files))
            yield from (place for place, _ in groupby(in_order))

    def newest(self, before: int) -> int | None:
        """When the newest record of those received before then was received; None if there is none."""
        found = [file.newest(before) for file in self._days if file.facts.day < before]
        return max((each for each in found if each is not None), default=None)

    def _by_day(self, start: int, end: int) -> Iterator[list[FrameFile]]:
        touched = [file for file in self._days if file.touches(start, end)]
        for _, files in groupby(touched, key=lambda file: file.facts.day):
            yield list(files)
