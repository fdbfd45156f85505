"""`bluflow archive` as its user starts it."""

import asyncio
import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.child import spawn
from history.archive import Archive, Placed
from history.parquet_file import FrameFile
from history.parquet_shelf import ParquetShelf, find
from tests.cli.processes import ROOT, bluflow, complaints, environment
from tests.polling import until
from tests.streams.replay.logs import D0, DAY, HOUR, log, packets

ENDED = D0 + 2 * DAY + 12 * HOUR
LOG = log((each.frame() for each in packets(D0, ENDED)), D0, ENDED)
ALL = ("--from", "2025-10-05", "--to", "2025-10-08")
STORED = ("export", *ALL, "--from-archive")


async def _write(path: Path, records: list[Placed]) -> None:
    archive = Archive(path)
    await archive.write(records)
    await archive.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A BLUFLOW_DATA with the log in its archive."""
    asyncio.run(_write(tmp_path / "archive.sqlite", LOG))
    return tmp_path


def run(data: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return bluflow("archive", *arguments, folder=data, **{"BLUFLOW_DATA": str(data)} | env)


def told(data: Path, *arguments: str, **env: str) -> dict[str, Any]:
    """What it prints as JSON; it has to end well."""
    done = run(data, *arguments, "--json", **env)
    assert (done.returncode, complaints(done)) == (0, "")
    return dict(json.loads(done.stdout))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def kept(folder: Path) -> list[Placed]:
    """All that the Parquet files of a folder hold."""
    return list(ParquetShelf([FrameFile(path) for path in find(folder)]).placed(0, 1 << 62))


def test_a_range_goes_into_one_file_a_day(data: Path) -> None:
    done = run(data, *STORED)
    assert (done.returncode, done.stderr) == (0, "")
    folder = data / "archive" / "shelly.raw-frames.v1@archive"
    assert [path.name for path in files(data / "archive")] == [f"2025-10-0{day}.parquet" for day in (5, 6, 7)]
    first, _, last = done.stdout.splitlines()
    assert first.startswith("2025-10-05  2,736 records (2,736 new)  ")
    assert first.endswith(f"  whole  {folder}/2025-10-05.parquet")
    assert "  only 00:00-11:58  " in last  # the day had come so far
    assert kept(data / "archive") == LOG


def test_only_what_arrived_in_the_range_is_exported(data: Path) -> None:
    done = told(data, "export", "--from", "2025-10-06T06:00:00Z", "--to", "2025-10-06T09:30:00Z", "--from-archive")
    [file] = done["files"]
    assert (file["covered"], file["whole"]) == ([["2025-10-06T06:00:00.000Z", "2025-10-06T09:30:00.000Z"]], False)
    start = D0 + DAY + 6 * HOUR
    assert kept(data / "archive") == [each for each in LOG if start <= each.received_at < start + 3.5 * HOUR]


def test_twice_gives_the_same_bytes_and_pieces_give_the_whole(data: Path) -> None:
    once, again, pieces = (str(data / name) for name in ("once", "again", "pieces"))
    for folder in (once, again):
        told(data, *STORED, "--out", folder)
    ends = ["2025-10-05T20:00:00Z", "2025-10-06T03:00:00Z", "2025-10-08"]
    for start, end in zip(["2025-10-06T01:00:00Z", "2025-10-05T20:00:00Z", "2025-10-05"], reversed(ends), strict=True):
        told(data, "export", "--from", start, "--to", end, "--from-archive", "--out", pieces)
    contents = [[path.read_bytes() for path in files(Path(folder))] for folder in (once, again, pieces)]
    assert len(contents[0]) == 3
    assert contents == contents[:1] * 3
    assert [each["new"] for each in told(data, *STORED, "--out", once)["files"]] == [0, 0, 0]


def test_what_the_log_has_forgotten_stays_in_the_file(data: Path) -> None:
    told(data, *STORED)
    (data / "archive.sqlite").unlink()
    asyncio.run(_write(data / "archive.sqlite", [each for each in LOG if each.received_at >= D0 + DAY + HOUR]))
    done = told(data, *STORED)
    assert (done["lost"], [each["new"] for each in done["files"]]) == ([], [0, 0, 0])
    assert kept(data / "archive") == LOG


def test_what_neither_holds_is_named_and_the_exit_code_says_so(data: Path) -> None:
    (data / "archive.sqlite").unlink()
    hole = [each for each in LOG if not D0 + DAY <= each.received_at < D0 + DAY + HOUR]
    asyncio.run(_write(data / "archive.sqlite", [each for each in hole if each.received_at >= D0 + 6 * HOUR]))
    done = run(data, *STORED)
    assert done.returncode == 2
    assert done.stderr.startswith("bluflow: the log does not hold what arrived from 2025-10-05T00:00:00.000Z to ")
    assert ", 2025-10-05T23:5" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(files(data / "archive")) == 3
    listed = told(data, "list")["files"]
    assert [len(each["covered"]) for each in listed] == [1, 1, 1]
    assert listed[0]["covered"][0][0].startswith("2025-10-05T06:00")
    assert not listed[1]["whole"]


def test_days_that_were_deleted_are_told_from_days_before_the_log_began(data: Path) -> None:
    early = ("export", "--from", "2025-10-01", "--to", "2025-10-03", "--from-archive")
    assert "no raw frames arrived from 2025-10-01" in run(data, *early).stderr
    (data / "archive.sqlite").unlink()
    asyncio.run(_write(data / "archive.sqlite", [each for each in LOG if each.received_at >= D0 + HOUR]))
    done = run(data, *early)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not hold what arrived from 2025-10-01T00:00:00.000Z to 2025-10-03T00:00:00.000Z" in done.stderr


def test_a_day_on_which_nothing_arrived_is_told_from_one_that_nobody_exported(data: Path) -> None:
    (data / "archive.sqlite").unlink()
    numbers = {0: iter(range(10**6)), 1: iter(range(10**6))}
    away = [each for each in LOG if not D0 + DAY <= each.received_at < D0 + 2 * DAY]
    renumbered = [each._replace(offset=next(numbers[each.record.partition])) for each in away]
    asyncio.run(_write(data / "archive.sqlite", renumbered))
    listed = told(data, *STORED)["files"]
    assert [(each["records"] > 0, each["whole"]) for each in listed] == [(True, True), (False, True), (True, False)]
    alone = told(data, "export", "--from", "2025-10-06", "--to", "2025-10-07", "--from-archive", "--out", "alone")
    assert [(each["records"], each["whole"]) for each in alone["files"]] == [(0, True)]


def test_files_come_into_an_archive_once(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    told(data, *STORED)
    other = tmp_path_factory.mktemp("other")
    env = {"BLUFLOW_DATA": str(other), "SINKS_ARCHIVE_DAYS": "36500"}
    for new in (len(LOG), 0):
        done = told(data, "import", str(data / "archive"), **env)
        assert sum(each["new"] for each in done["files"]) == new
    archive = Archive(other / "archive.sqlite")
    assert list(archive.placed(0, 1 << 62)) == LOG
    told(data, *STORED, **env)
    assert [path.read_bytes() for path in files(other / "archive")] == [
        path.read_bytes() for path in files(data / "archive")
    ]


def test_what_the_sinks_would_delete_again_is_not_taken_in(data: Path) -> None:
    told(data, *STORED)
    (data / "archive.sqlite").unlink()
    done = run(data, "import", "archive")
    assert (done.returncode, done.stdout) == (2, "")
    assert "older than the 90 days that the archive keeps a frame" in done.stderr
    assert "set SINKS_ARCHIVE_DAYS=" in done.stderr
    assert not (data / "archive.sqlite").exists()
    days = done.stderr.split("SINKS_ARCHIVE_DAYS=")[1].split()[0]
    assert run(data, "import", "archive", SINKS_ARCHIVE_DAYS=days).returncode == 0


def test_files_are_listed_and_verified_and_bad_ones_named(data: Path) -> None:
    told(data, *STORED)
    text = run(data, "list")
    assert "3 files, 6,840 records, " in text.stdout
    assert [each["log"] for each in told(data, "verify")["files"]] == ["shelly.raw-frames.v1@archive"] * 3
    first, second, third = files(data / "archive")
    content = bytearray(first.read_bytes())
    content[2000] ^= 1  # in a page: the footer is sound
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:-100])
    pq.write_table(
        pq.read_table(third).select(["key"]).replace_schema_metadata(None), data / "archive" / "mine.parquet"
    )
    listed, verified = run(data, "list"), run(data, "verify")
    assert (listed.returncode, verified.returncode) == (2, 2)
    assert listed.stderr == "bluflow: 2 of 4 files cannot be used: see above why\n"
    assert verified.stderr == "bluflow: 3 of 4 files cannot be used: see above why\n"
    for line in (f"{second}: damaged", f"{data}/archive/mine.parquet: a Parquet file, but not one that bluflow"):
        assert line in listed.stdout
        assert line in verified.stdout
    assert f"{first}: damaged" in verified.stdout
    (data / "archive" / "mine.parquet").unlink()
    for arguments in (("import", "archive"), STORED):  # neither takes half of it, nor writes over it
        done = run(data, *arguments, SINKS_ARCHIVE_DAYS="36500")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "damaged" in done.stderr


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_export_that_is_ended_leaves_whole_days_and_can_be_run_again(data: Path, kill: signal.Signals) -> None:
    long = log((each.frame() for each in packets(D0, ENDED)), D0, ENDED, tick_every=10_000)
    asyncio.run(_write(data / "archive.sqlite", long))
    command = [sys.executable, "-P", "-m", "cli", "archive", *STORED]
    env = environment(PYTHONPATH=str(ROOT), BLUFLOW_DATA=str(data))
    with (data / "said").open("wb") as said:
        child = spawn(command, env=env, cwd=str(data), stdout=said, stderr=said)
        try:
            until(lambda: list((data / "archive").rglob("2025-10-06*.partial")), 120, "the second day never began")
            child.send_signal(kill)
            assert child.wait(60) == (130 if kill == signal.SIGINT else -kill)
        finally:
            child.kill()
            child.wait()
    assert "Traceback" not in (data / "said").read_text()
    done = [path for path in files(data / "archive") if path.suffix == ".parquet"]
    assert [path.name for path in done] == ["2025-10-05.parquet"]
    assert FrameFile(done[0]).facts.whole
    if kill == signal.SIGINT:
        assert files(data / "archive") == done
    told(data, *STORED)
    assert len(files(data / "archive")) == 3
    assert len(kept(data / "archive")) == len({*map(str, [*LOG, *long])})


def test_a_full_disk_is_one_line_and_leaves_nothing(data: Path) -> None:
    """The limit of a file's size stands for the disk's end; SQLite's own files need 32 KiB."""
    dice = random.Random(1)
    big = [each._replace(record=each.record._replace(value=dice.randbytes(500))) for each in LOG[:1000]]
    (data / "archive.sqlite").unlink()
    asyncio.run(_write(data / "archive.sqlite", big))
    command = [sys.executable, "-P", "-m", "cli", "archive", *STORED]
    env = environment(PYTHONPATH=str(ROOT), BLUFLOW_DATA=str(data))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        command, env=env, cwd=data, capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "2025-10-05.parquet.0.partial cannot be written: File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert files(data / "archive") == []


TODAY = time.strftime("%Y-%m-%d", time.gmtime())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("export", "--from", "2025-10-06", "--to", "2025-10-06"), "--to has to be later than --from"),
        (("export", "--from", "2025-10-07", "--to", "2025-10-06"), "--to has to be later than --from"),
        (("export", "--from", "2020-10-06", "--to", "2025-10-06"), "more than 366 days at once"),
        (("export", "--from", "yesterday", "--to", "2025-10-06"), "not an RFC 3339 time or date"),
        (("export", "--from", "2998-01-01", "--to", "2998-01-02", "--from-archive"), "it lies in the future"),
        (("export", "--from", "2024-01-01", "--to", "2024-01-02", "--from-archive"), "no raw frames arrived from"),
        (("export", *ALL), "no Kafka broker answers on 127.0.0.1:1"),
        (("export", *ALL, "archive.sqlite"), "a file is read with --from-archive"),
        (("export", *ALL, "--from-archive", "none.sqlite"), "none.sqlite: there is no such file"),
        (("export", *ALL, "--from-archive", "nonsense"), "nonsense: neither an archive.sqlite nor a Parquet file"),
        (("export", *ALL, "--from-archive", "--out", "nonsense"), "cannot be written: Not a directory"),
        (("import",), "Missing argument 'PATH'"),
        (("import", "none"), "none: there is no such file or folder"),
        (("import", "empty"), "empty: there is no Parquet file in this folder"),
        (("import", "nonsense"), "nonsense: damaged, or no Parquet file"),
        (("list", "none"), "none: there is no such file or folder"),
        (("verify",), "archive: there is no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(data: Path, arguments: tuple[str, ...], line: str) -> None:
    (data / "nonsense").write_bytes(b"PK nothing")
    (data / "empty").mkdir()
    done = run(data, *arguments, BROKER="127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_does_not_load_what_only_the_commands_need(tmp_path: Path) -> None:
    program = "import sys; from cli.commands import run_command; run_command(['archive', '--help']); " + (
        "sys.exit(bool({'pyarrow', 'aiokafka'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(PYTHONPATH=str(ROOT)), cwd=tmp_path, check=False
    )
    assert done.returncode == 0
