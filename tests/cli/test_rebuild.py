"""`bluflow run --rebuild`: the embedded tables are made anew from the archive, and nothing is lost on the way."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.child import spawn
from cli.embedded import kafka_command, wait_until_accepts
from cli.kafka_folder import KafkaFolder
from cli.rebuild import let_go
from history.archive import Archive
from history.store import StoreUnavailable
from runtime.kafka import ensure_topics
from schemas.topics import RAW_FRAMES, TOPICS
from tests.cli.processes import bluflow
from tests.conftest import find_free_port
from tests.polling import until
from tests.stack import Stack, running_stack
from tests.streams.replay.logs import D0, HOUR, log, packets, publish

LOG = log((each.frame() for each in packets(D0, D0 + HOUR)), D0, D0 + HOUR)


async def run_before(folder: KafkaFolder, data: Path) -> int:
    """A broker that held the log when it ended; half of it is in the archive. Gives its port."""
    (data / "logs").mkdir()
    folder.open()
    port = find_free_port()
    broker = spawn(kafka_command(port, folder.folder))
    try:
        await asyncio.to_thread(wait_until_accepts, f"127.0.0.1:{port}")
        await ensure_topics(f"127.0.0.1:{port}", TOPICS, "x.", embedded=True)
        await publish(f"127.0.0.1:{port}", RAW_FRAMES.full_name("x."), LOG, delay=None)
    finally:
        broker.terminate()
        broker.wait()
    archive = Archive(data / "archive.sqlite")
    await archive.write(LOG[::2])
    await archive.close()
    return port


@pytest.fixture
def folder(tmp_path: Path) -> KafkaFolder:
    return KafkaFolder(tmp_path / "kafka", None, tmp_path / "token")


def archived(file: Path) -> list[tuple[int, int]]:
    archive = Archive(file)
    return sorted((each.received_at, each.record.partition) for each in archive.placed(0, 2**62))


async def test_what_only_the_broker_holds_goes_into_the_archive_first(folder: KafkaFolder, tmp_path: Path) -> None:
    port = await run_before(folder, tmp_path)
    await let_go(folder, port, "x.", tmp_path / "archive.sqlite")
    assert archived(tmp_path / "archive.sqlite") == sorted((each.received_at, each.record.partition) for each in LOG)
    assert folder.open() is False


async def test_a_state_that_cannot_be_archived_stays(folder: KafkaFolder, tmp_path: Path) -> None:
    port = await run_before(folder, tmp_path)
    (tmp_path / "archive.sqlite").unlink()
    (tmp_path / "archive.sqlite").mkdir()
    with pytest.raises(StoreUnavailable):
        await let_go(folder, port, "x.", tmp_path / "archive.sqlite")
    assert folder.open() is True


def test_it_is_for_the_embedded_broker(tmp_path: Path) -> None:
    done = bluflow("run", "--rebuild", folder=tmp_path, BROKER="127.0.0.1:1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--rebuild is for the embedded Kafka broker" in done.stderr


def in_tables(stack: Stack) -> int:
    """Sensors whose receptions the API knows: the history has none of them, only the latest topic."""
    answer = stack.get("/api/v1/sensors")
    ids = [one["id"] for one in answer.json()["sensors"]] if answer else []
    found = [stack.get(f"/api/v1/sensors/{id}/receptions") for id in ids]
    return sum(bool(each and each.json()["receptions"]) for each in found)


def packets_held(data: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(f"{(data / 'history.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT sensor, packet_id FROM reading ORDER BY 1, 2").fetchall()


def test_the_whole_stack_makes_its_tables_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_stack(data, RUN_SENSORS="4", RUN_INTERVAL="2") as stack:
        until(lambda: in_tables(stack) == 4 and len(packets_held(data)) >= 8, 30, "all sensors spoke twice")
    before = packets_held(data)
    with running_stack(data, "--rebuild", SIMULATE="0") as stack:
        until(lambda: "records came back from the archive" in stack.screen(), 40, "the archive's newest day")
        until(lambda: in_tables(stack) == 4, 30, "the tables are there again")
    held = packets_held(data)
    assert set(before) <= set(held)
    assert len(held) == len(set(held)), "each packet once"
