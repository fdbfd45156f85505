"""A real worker and real sinks make the history and the archive; `bluflow replay` makes it again from the raw log.

From the broker, from the archive, and from what was exported of either.
"""

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.child import spawn
from history.archive import Archive
from history.sqlite import SqliteHistory
from schemas.aggregate import WIDTHS
from schemas.reading import Reading
from schemas.topics import RAW_FRAMES
from tests.cli.processes import ROOT, bluflow, environment
from tests.conftest import find_free_port
from tests.polling import until_async
from tests.streams.replay.logs import D0, DAY, HOUR, MINUTE, SENSORS, log, packets, publish

# the log began, and the worker with it, two hours before the day
BEGAN, ENDED = D0 + 22 * HOUR, D0 + 2 * DAY + 30 * MINUTE
LOG = log((each.frame() for each in packets(BEGAN, D0 + 2 * DAY)), BEGAN, ENDED, partitions=4)
SECOND_DAY = (D0 + DAY, D0 + 2 * DAY)
RANGE = ("--from", "2025-10-06", "--to", "2025-10-07")
EXPORTED = ("--from", "2025-10-05", "--to", "2025-10-08")


@pytest.fixture
def settings(kafka: str, topics: str, tmp_path: Path) -> dict[str, str]:
    """Of the worker, the sinks and the command; the frames are older than what is kept by default."""
    (tmp_path / "data").mkdir()
    return {
        "BROKER": kafka,
        "BLUFLOW_TOPIC_PREFIX": topics,
        "BLUFLOW_DATA": str(tmp_path / "data"),
        "BLUFLOW_RAW_DAYS": "36500",
        "BLUFLOW_FIVE_MINUTE_DAYS": "36500",
        "SINKS_ARCHIVE_DAYS": "36500",
    }


@pytest.fixture
def running(settings: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """Worker and sinks, until the test ends."""
    env = environment(
        PYTHONPATH=str(ROOT), **settings, STREAMS_PORT=str(find_free_port()), SINKS_PORT=str(find_free_port())
    )
    with (tmp_path / "log").open("wb") as out:
        children = [
            spawn([sys.executable, "-P", "-m", *module], env=env, cwd=str(tmp_path), stdout=out, stderr=out)
            for module in (("streams", "worker"), ("streams.sinks",))
        ]
        yield
        for child in children:
            child.kill()
            child.wait()


def written(data: Path) -> tuple[int, int]:
    """How many final windows of the second day, and how many of its readings, the sinks have written."""
    try:
        with closing(sqlite3.connect(f"{(data / 'history.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
            windows = connection.execute(
                "SELECT count(*) FROM aggregate WHERE width = 86400 AND final AND start = ?", SECOND_DAY[:1]
            ).fetchone()
            readings = connection.execute(
                "SELECT count(*) FROM reading WHERE measured_at >= ? AND measured_at < ?", SECOND_DAY
            ).fetchone()
            return windows[0], readings[0]
    except sqlite3.Error:
        return 0, 0


async def everything(data: Path) -> tuple[list[Reading], list[tuple[Any, ...]]]:
    """The second day's readings, and its windows without the times of their first and last reading."""
    history = SqliteHistory(data / "history.sqlite")
    try:
        readings = [each for sensor in SENSORS async for each in history.readings(sensor, *SECOND_DAY)]
        windows = [
            (each.key, each.count, each.min, each.max, each.mean, each.first, each.last, each.final)
            for sensor in SENSORS
            for width in WIDTHS
            async for each in history.aggregates(sensor, width, *SECOND_DAY)
        ]
    finally:
        await history.close()
    return readings, windows


def packets_of(readings: list[Reading]) -> list[tuple[Any, ...]]:
    """What is no matter of which copy came first."""
    return [(each.sensor, each.packet_id, each.values, each.flags, each.measured_at // 1000) for each in readings]


@pytest.mark.usefixtures("running")
async def test_a_rebuild_from_the_broker_agrees_with_the_live_run(
    kafka: str, topics: str, settings: dict[str, str], tmp_path: Path
) -> None:
    # written now: what is old, this topic's retention deletes
    await publish(kafka, RAW_FRAMES.full_name(topics), LOG, delay=None)
    data, empty = tmp_path / "data", tmp_path / "empty"
    await until_async(lambda: written(data) == (2 * 3, 2 * 144), 200, "the second day's windows and readings")
    lived, lived_windows = await everything(data)

    digests = []
    for folder in (data, data, empty):
        done = bluflow("replay", *RANGE, "--json", folder=tmp_path, **settings | {"BLUFLOW_DATA": str(folder)})
        assert (done.returncode, done.stderr) == (0, "")
        digests.append(json.loads(done.stdout)["digest"])
        rebuilt, windows = await everything(folder)
        assert packets_of(rebuilt) == packets_of(lived)
        assert windows == lived_windows
    assert len(lived) == 2 * 144

    await until_async(lambda: Archive(data / "archive.sqlite").count(0, 2**62) == len(LOG), 100, "the whole archive")
    for stored in ((), ("--from-archive",)):
        out = ("--out", str(tmp_path / "exported" / f"to{''.join(stored)}"))
        done = bluflow("archive", "export", *EXPORTED, *stored, *out, folder=tmp_path, **settings)
        assert (done.returncode, done.stderr) == (0, "")
    for path in ((), *((str(folder),) for folder in (tmp_path / "exported").iterdir())):
        done = bluflow("replay", *RANGE, "--json", "--from-archive", *path, folder=tmp_path, **settings)
        assert (done.returncode, done.stderr) == (0, "")
        digests.append(json.loads(done.stdout)["digest"])
    assert digests == digests[:1] * 6
    assert await everything(data) == await everything(empty)
