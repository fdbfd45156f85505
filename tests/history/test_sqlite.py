"""What is SQLite's own: files that are locked, full, newer, replaced, unreadable."""

import asyncio
import math
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE

import msgspec
import pytest

from cli.child import spawn
from history import sqlite_aggregates
from history.database import StoreTooNew
from history.sqlite import _NEWEST, _PRUNE, SqliteHistory
from history.store import ReadingRejected, Retention, StoreUnavailable
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, WIDTHS, Aggregate
from schemas.reading import Reading
from tests.contract.engines import SENSOR, START, aggregate, reading

# Writes under a limit on file sizes, which the kernel enforces as it does a full disk.
FILL_THE_DISK = """
import asyncio, resource, sys
from pathlib import Path
from history.sqlite import _NEWEST, SqliteHistory
from history.store import StoreUnavailable
from tests.contract.engines import reading

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    store = SqliteHistory(Path(sys.argv[1]))
    done = 0
    try:
        for done in range(0, 1_000_000, 100):
            await store.write([reading(done + i) for i in range(100)])
    except StoreUnavailable as error:
        print(done, error)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteHistory]:
    opened = SqliteHistory(path, busy_timeout=0.05)
    yield opened
    await opened.close()


async def stored(store: SqliteHistory) -> list[Reading]:
    return [found async for found in store.readings(SENSOR, 0, 2**62)]


async def test_a_lock_is_an_outage_and_passes(store: SqliteHistory, path: Path) -> None:
    await store.write([reading(0)])
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.write([reading(1)])
        assert await stored(store) == [reading(0)]  # reading goes on
    await store.write([reading(1)])
    assert await stored(store) == [reading(0), reading(1)]


async def test_a_full_disk_is_an_outage_and_keeps_what_was_acknowledged(store: SqliteHistory, path: Path) -> None:
    child = spawn([sys.executable, "-c", FILL_THE_DISK, str(path)], stdout=PIPE)
    said = (await asyncio.to_thread(child.communicate))[0].decode()
    acknowledged = int(said.split()[0])
    assert acknowledged > 0
    assert "disk" in said
    assert await stored(store) == [reading(number) for number in range(acknowledged)]
    await store.write([reading(acknowledged)])


async def test_a_folder_that_is_away_is_an_outage_and_is_not_made(tmp_path: Path) -> None:
    store = SqliteHistory(tmp_path / "mount" / "history.sqlite")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await store.write([reading(0)])
    assert not (tmp_path / "mount").exists()
    (tmp_path / "mount").mkdir()
    await store.write([reading(0)])
    assert await stored(store) == [reading(0)]
    await store.close()


async def test_a_file_that_is_no_database_is_an_outage(store: SqliteHistory, path: Path) -> None:
    path.write_bytes(b"not a database, " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await store.write([reading(0)])
    with pytest.raises(StoreUnavailable, match="not a database"):
        await store.newest()


async def test_a_newer_schema_is_refused_and_left_alone(store: SqliteHistory, path: Path) -> None:
    await store.write([reading(0)])
    await store.close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    again = SqliteHistory(path)
    for attempt in (again.write([reading(1)]), again.newest()):
        with pytest.raises(StoreTooNew, match=r"version 99.* knows 4"):
            await attempt
    await again.close()
    with closing(sqlite3.connect(path)) as newer:
        assert newer.execute("SELECT count(*) FROM reading").fetchone() == (1,)


async def test_a_file_deleted_under_the_writer_is_made_anew(store: SqliteHistory, path: Path) -> None:
    """Otherwise everything from then on would be acknowledged into a file that no longer has a name."""
    await store.write([reading(0)])
    for file in path.parent.iterdir():
        file.unlink()
    await store.write([reading(1)])
    assert await stored(store) == [reading(1)]


async def test_two_that_make_the_file_at_once_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    """The sinks of readings and of aggregates do so at the first start; without waiting one in sixteen failed."""
    for number in range(100):
        one, other = (SqliteHistory(tmp_path / f"{number}.sqlite") for _ in range(2))
        await asyncio.gather(one.write([reading(0)]), other.write_aggregates([aggregate(0)]))
        assert await stored(other) == [reading(0)]
        assert await aggregates(one, FIVE_MINUTES) == [aggregate(0)]
        await one.close()
        await other.close()


async def test_reading_makes_no_file_and_cannot_write(store: SqliteHistory, path: Path) -> None:
    assert await store.newest() == []
    assert not path.exists()
    await store.write([reading(0)])
    with store._database.read() as connection:
        assert connection is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM reading")


async def test_an_acknowledged_write_is_synced(store: SqliteHistory, path: Path) -> None:
    await store.write([reading(0)])
    connection = store._database._connection
    assert connection is not None
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**64])
async def test_a_value_that_would_come_back_as_another_is_rejected(store: SqliteHistory, value: float) -> None:
    with pytest.raises(ReadingRejected):
        await store.write([reading(0), reading(1, temperature=value), reading(2)])
    assert await stored(store) == []  # a rejected batch is not there in part


async def test_newest_takes_one_step_a_sensor(store: SqliteHistory) -> None:
    """However long the history is: no scan of the readings in the plan."""
    await store.write([reading(0)])
    with store._database.read() as connection:
        assert connection is not None
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + _NEWEST)]
    assert [step for step in plan if step.startswith("SCAN")] == ["SCAN sensor"]


async def test_a_long_export_leaves_the_event_loop_free(store: SqliteHistory) -> None:
    """Between any two pages the loop turns: a long export is not a long silence."""
    await store.write([reading(number) for number in range(500)])
    exporter = SqliteHistory(store._database.path, page=100)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    seen = [turns async for _ in exporter.readings(SENSOR, 0, 2**62)]
    turning.cancel()
    assert len(seen) == 500
    assert seen[0] < seen[100] < seen[200] < seen[300] < seen[400]
    await exporter.close()


async def test_a_reading_takes_some_fifty_bytes(store: SqliteHistory, path: Path) -> None:
    await store.write([reading(number, temperature=20 + number % 70 / 10) for number in range(20_000)])
    await store.close()
    assert path.stat().st_size / 20_000 < 60


async def aggregates(store: SqliteHistory, width: int) -> list[Aggregate]:
    return [found async for found in store.aggregates(SENSOR, width, 0, 2**62)]


async def test_a_file_of_the_first_schema_is_read_as_it_is_and_brought_up_in_place(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA_1)
    store = SqliteHistory(path)
    assert await stored(store) == [reading(0)]
    assert await store.newest() == [reading(0)]
    assert await aggregates(store, FIVE_MINUTES) == []
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)  # reading changes nothing
    corrected = msgspec.structs.replace(reading(1), measured={"temperature": 22.0})
    await store.write([corrected])
    await store.write_aggregates([aggregate(0)])
    assert await stored(store) == [reading(0), corrected]
    assert await aggregates(store, FIVE_MINUTES) == [aggregate(0)]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (4,)
    await store.close()


async def test_what_is_too_old_goes_in_small_steps_and_hours_and_days_stay(path: Path) -> None:
    store = SqliteHistory(path, retention=Retention(readings=30, five_minutes=365))
    await store.write([reading(number) for number in range(25)])
    for width in WIDTHS:
        await store.write_aggregates([aggregate(number, width=width) for number in range(25)])
    readings_due = START + 30 * DAY * 1000
    assert await store.prune(readings_due, most=8) == 0
    now = readings_due + 20 * 60_000
    assert [await store.prune(now, most=8) for _ in range(4)] == [8, 8, 4, 0]
    assert await stored(store) == [reading(number) for number in range(20, 25)]
    assert len(await aggregates(store, FIVE_MINUTES)) == 25
    now = aggregate(20).start + 365 * DAY * 1000
    assert [await store.prune(now, most=8) for _ in range(4)] == [13, 8, 4, 0]  # the last five readings among them
    assert await aggregates(store, FIVE_MINUTES) == [aggregate(number) for number in range(20, 25)]
    await store.prune(2**62)
    assert await aggregates(store, FIVE_MINUTES) == []
    assert [len(await aggregates(store, width)) for width in (HOUR, DAY)] == [25, 25]
    await store.close()


@pytest.mark.parametrize("statement", [_PRUNE, sqlite_aggregates.PRUNE])
async def test_pruning_takes_one_step_a_sensor(store: SqliteHistory, statement: str) -> None:
    """However much there is that must stay: nothing is written while it looks."""
    await store.write([reading(0)])
    with store._database.read() as connection:
        assert connection is not None
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, (0, 10))]
    assert {step.split(" USING")[0] for step in plan if step.startswith("SCAN")} == {"SCAN sensor"}


async def test_an_aggregate_takes_some_hundred_bytes(store: SqliteHistory, path: Path) -> None:
    await store.write_aggregates([aggregate(number, revision=2**40 + number) for number in range(20_000)])
    await store.close()
    assert path.stat().st_size / 20_000 < 110


# What the first version of the schema was, with reading(0) in it.
SCHEMA_1 = """
    CREATE TABLE sensor (id INTEGER PRIMARY KEY, mac TEXT NOT NULL UNIQUE);
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        gateway TEXT NOT NULL, format TEXT NOT NULL, time_source TEXT NOT NULL, flags TEXT NOT NULL,
        UNIQUE (gateway, format, time_source, flags)
    );
    CREATE TABLE reading (
        sensor INTEGER NOT NULL, measured_at INTEGER NOT NULL,
        raw_epoch INTEGER NOT NULL, raw_partition INTEGER NOT NULL,
        raw_offset INTEGER NOT NULL, raw_index INTEGER NOT NULL,
        source INTEGER NOT NULL, delay INTEGER NOT NULL,
        rssi INTEGER, packet_id INTEGER, counter INTEGER,
        temperature, humidity, battery, rest TEXT,
        PRIMARY KEY (sensor, measured_at)
    ) WITHOUT ROWID;
    INSERT INTO sensor VALUES (1, '7c:c6:b6:bd:4c:b5');
    INSERT INTO source VALUES (1, 'shellyplus1pm-a8032abe54dc', 'bluflow', 'gateway', '[]');
    INSERT INTO reading VALUES (1, 1759654320000, 0, 2, 0, 0, 1, 750, -66, 0, NULL, 21.5, 45, 100, NULL);
    PRAGMA user_version = 1;
"""
