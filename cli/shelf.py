"""Raw frames that lie in files, by a path: an archive.sqlite, a Parquet file, a folder of Parquet files."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.unusable import Unusable
from history.archive import Archive

if TYPE_CHECKING:
    from history.parquet_file import FrameFile
    from streams.replay.source import Shelf


@asynccontextmanager
async def shelf(path: Path) -> AsyncIterator["Shelf"]:
    """Open while the context lasts. Raises Unusable for a path that holds no raw frames, or damaged ones."""
    if path.is_dir() or _begins(path, b"PAR1"):
        from history.parquet import UnusableFile
        from history.parquet_shelf import ParquetShelf

        try:
            yield ParquetShelf(frame_files([path]))
        except UnusableFile as error:
            raise Unusable(str(error)) from error
        return
    async with archive(path) as opened:
        yield opened


@asynccontextmanager
async def archive(path: Path) -> AsyncIterator[Archive]:
    """That archive.sqlite, while the context lasts. Raises Unusable."""
    if not path.is_file():
        raise Unusable(f"{path}: there is no such file to read raw frames from")
    if not _begins(path, b"SQLite format 3"):
        raise Unusable(f"{path}: neither an archive.sqlite nor a Parquet file")
    opened = Archive(path)
    try:
        yield opened
    except ValueError as error:
        raise Unusable(f"{path}: {error}") from error
    finally:
        await opened.close()


def frame_files(paths: Sequence[Path]) -> list["FrameFile"]:
    """Those files, and those in those folders. Raises UnusableFile."""
    from history.parquet_file import FrameFile
    from history.parquet_shelf import find

    return [FrameFile(file) for path in paths for file in find(path)]


def _begins(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
