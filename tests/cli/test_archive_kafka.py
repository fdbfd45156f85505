"""`bluflow archive export` from a real broker, and a replay from what it wrote."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from history.archive import Archive, Placed
from history.parquet_file import FrameFile
from history.parquet_shelf import ParquetShelf, find
from schemas.topics import RAW_FRAMES, SENSORS
from tests.cli.processes import bluflow
from tests.streams.replay.logs import D0, DAY, HOUR, log, packets, publish

FOR_EVER = {"retention.ms": str(100 * 365 * 24 * HOUR)}
ENDED = D0 + 2 * DAY + 2 * HOUR
LOG = log((each.frame() for each in packets(D0, D0 + 2 * DAY)), D0, ENDED, partitions=3)
ALL = ("--from", "2025-10-05", "--to", "2025-10-08")
SECOND_DAY = ("--from", "2025-10-06", "--to", "2025-10-07")

Delete = Callable[[int], None]


@pytest.fixture
def env(kafka: str, topic_prefix: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a command; the topic has the log. Its records are old: the default retention deletes them."""

    async def fill() -> None:
        topic = RAW_FRAMES.full_name(topic_prefix)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            registry = NewTopic(SENSORS.full_name(topic_prefix), 1, 1)  # a replay looks there for offsets
            await admin.create_topics([NewTopic(topic, 3, 1, topic_configs=FOR_EVER), registry])
        finally:
            await admin.close()
        await publish(kafka, topic, LOG)

    asyncio.run(fill())
    return {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topic_prefix, "BLUFLOW_DATA": str(tmp_path)}


@pytest.fixture
def delete(env: dict[str, str]) -> Delete:
    """Deletes what arrived before a time, as retention does, but in the last partition nothing."""

    async def before(time: int) -> None:
        topic = RAW_FRAMES.full_name(env["BLUFLOW_TOPIC_PREFIX"])
        offsets = {
            TopicPartition(topic, partition): RecordsToDelete(before_offset=_first(partition, time))
            for partition in (0, 1)
        }
        admin = AIOKafkaAdminClient(bootstrap_servers=env["BROKER"])
        await admin.start()
        try:
            await admin.delete_records(offsets)
        finally:
            await admin.close()

    return lambda time: asyncio.run(before(time))


def _first(partition: int, time: int) -> int:
    return min(each.offset for each in LOG if each.record.partition == partition and each.received_at >= time)


def told(env: dict[str, str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = bluflow(*arguments, "--json", folder=Path(env["BLUFLOW_DATA"]), **env)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (0 if code == 0 else 1)
    return dict(json.loads(done.stdout))


def kept(folder: Path) -> list[Placed]:
    return list(ParquetShelf([FrameFile(path) for path in find(folder)]).placed(0, 1 << 62))


def test_the_topic_goes_into_files_as_it_was_written(env: dict[str, str], tmp_path: Path) -> None:
    done = told(env, "archive", "export", *ALL)
    assert kept(tmp_path / "archive") == LOG
    assert [(each["whole"], each["partitions"]) for each in done["files"]] == [(True, 3), (True, 3), (False, 3)]
    [folder] = (tmp_path / "archive").iterdir()
    assert folder.name.startswith(f"{env['BLUFLOW_TOPIC_PREFIX']}raw-frames.v1@")
    bytes_before = [path.read_bytes() for path in find(folder)]
    told(env, "archive", "export", *ALL, "--out", str(tmp_path / "again"))
    assert [path.read_bytes() for path in find(tmp_path / "again")] == bytes_before


def test_a_rebuild_is_the_same_from_the_topic_from_files_and_from_an_archive(
    env: dict[str, str], tmp_path: Path
) -> None:
    told(env, "archive", "export", *ALL)
    from_files = tmp_path / "archive"
    told(env | {"SINKS_ARCHIVE_DAYS": "36500"}, "archive", "import", str(from_files))
    whole = told(env, "replay", *SECOND_DAY, "--dry-run")
    assert [each["readings"] for each in whole["sensor_days"]] == [144, 144]
    for path in ((), (str(from_files),)):
        assert told(env, "replay", *SECOND_DAY, "--from-archive", *path)["digest"] == whole["digest"]


def test_a_single_file_lacks_the_day_before_it(env: dict[str, str], tmp_path: Path) -> None:
    told(env, "archive", "export", *ALL)
    _, second, third = find(tmp_path / "archive")
    done = told(env, "replay", *SECOND_DAY, "--from-archive", str(second), code=2)
    assert {each["refused"] for each in done["sensor_days"]} == {"the log does not go back to the midnight before it"}
    second.unlink()
    told(env, "replay", *SECOND_DAY)
    done = told(env, "replay", *SECOND_DAY, "--from-archive", str(tmp_path / "archive"), code=2)
    assert done["missing"] == [["2025-10-06T00:00:00.000Z", "2025-10-07T00:00:00.000Z"]]
    third.write_bytes(third.read_bytes()[:-9])
    broken = bluflow("replay", *SECOND_DAY, "--from-archive", "archive", folder=tmp_path, **env)
    assert (broken.returncode, broken.stdout) == (2, "")
    assert f"{third.name}: damaged" in broken.stderr
    assert broken.stderr.count("\n") == 1


def test_what_retention_took_is_named_and_stays_where_it_was_exported(
    env: dict[str, str], delete: Delete, tmp_path: Path
) -> None:
    told(env, "archive", "export", "--from", "2025-10-05", "--to", "2025-10-05T18:00:00Z")
    delete(D0 + DAY + 6 * HOUR)
    done = told(env, "archive", "export", *ALL, code=2)
    [[start, end]] = done["lost"]
    assert start == "2025-10-05T18:00:00.000Z"
    assert end.startswith("2025-10-06T06:0")
    gone = [each for each in LOG if D0 + 18 * HOUR <= each.received_at < D0 + DAY + 6 * HOUR]
    lost = [each for each in gone if each.record.partition != 2]
    assert kept(tmp_path / "archive") == [each for each in LOG if each not in lost]
    days = told(env, "archive", "list")["files"]
    assert [each["covered"][0][0] for each in days] == [
        "2025-10-05T00:00:00.000Z",
        end,
        "2025-10-07T00:00:00.000Z",
    ]


def test_days_of_which_nothing_is_left_are_lost_and_days_before_the_log_are_not(
    env: dict[str, str], delete: Delete, tmp_path: Path
) -> None:
    early = ("archive", "export", "--from", "2025-10-03", "--to", "2025-10-05")
    before = bluflow(*early, folder=tmp_path, **env)
    assert "no raw frames arrived from" in before.stderr
    delete(D0 + DAY + 6 * HOUR)
    done = told(env, *early, code=2)
    assert (done["files"], done["lost"]) == ([], [["2025-10-03T00:00:00.000Z", "2025-10-05T00:00:00.000Z"]])


def test_what_was_deleted_while_a_cluster_was_left_goes_on_in_the_next(
    env: dict[str, str], delete: Delete, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """History outlives the topic: its files and those of the next one are one log."""
    told(env, "archive", "export", "--from", "2025-10-05", "--to", "2025-10-06T12:00:00Z")
    whole = told(env, "replay", *SECOND_DAY, "--dry-run")
    delete(D0 + DAY + 9 * HOUR)
    other = tmp_path / "archive" / "other"
    told(env, "archive", "export", "--from", "2025-10-06T10:00:00Z", "--to", "2025-10-08", "--out", str(other))
    done = told(env, "replay", *SECOND_DAY, "--from-archive", str(tmp_path / "archive"))
    assert done["digest"] == whole["digest"]
    assert done["missing"] == []


def test_an_empty_topic_and_none(env: dict[str, str], tmp_path: Path) -> None:
    for prefix, line in ((env["BLUFLOW_TOPIC_PREFIX"], "no raw frames arrived from"), ("no.", "topic no.raw-frames")):
        early = ("--from", "2025-09-01", "--to", "2025-09-03")
        settings = env | {"BLUFLOW_TOPIC_PREFIX": prefix}
        done = bluflow("archive", "export", *early, folder=tmp_path, **settings)
        assert (done.returncode, done.stdout) == (2, "")
        assert line in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_archive_takes_in_another_clusters_frames(env: dict[str, str], tmp_path: Path) -> None:
    """Its partitions and offsets are the same as the archive's own, its frames are not."""
    told(env, "archive", "export", *ALL)

    async def own() -> list[Placed]:
        own = [
            each._replace(received_at=each.received_at + 3 * DAY, offset=each.offset % 500)
            for each in LOG
            if each.received_at < D0 + HOUR
        ]
        archive = Archive(tmp_path / "archive.sqlite")
        await archive.write(own)
        await archive.close()
        return own

    mine = asyncio.run(own())
    told(env | {"SINKS_ARCHIVE_DAYS": "36500"}, "archive", "import", str(tmp_path / "archive"))
    assert list(Archive(tmp_path / "archive.sqlite").placed(0, 1 << 62)) == [*LOG, *mine]
    whole = told(env, "replay", *SECOND_DAY, "--dry-run")
    assert told(env, "replay", *SECOND_DAY, "--from-archive")["digest"] == whole["digest"]
