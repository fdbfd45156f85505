"""`bluflow replay` as its user starts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.child import spawn
from history.archive import Archive, Placed
from history.sqlite import SqliteHistory
from schemas.reading import Reading
from tests.cli.processes import ROOT, bluflow, complaints, environment
from tests.polling import until
from tests.streams.replay.logs import D0, DAY, ENCRYPTED, HOUR, SENSORS, log, packets, secret_frame

LOG = log((each.frame() for each in packets(D0, D0 + 2 * DAY)), D0, D0 + 2 * DAY + HOUR)
WHOLE = ("--from", "2025-10-05", "--to", "2025-10-08")
SECOND_DAY = ("--from", "2025-10-06", "--to", "2025-10-07T00:00:00Z")


def archive(folder: Path, records: list[Placed]) -> Path:
    """An archive.sqlite of them."""
    path = folder / "archive.sqlite"

    async def write() -> None:
        opened = Archive(path)
        await opened.write(records)
        await opened.close()

    asyncio.run(write())
    return path


def replay(folder: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return bluflow("replay", *arguments, folder=folder, BLUFLOW_DATA=str(folder), **env)


def told(folder: Path, *arguments: str, **env: str) -> dict[str, Any]:
    """What it prints as JSON; it has to end well."""
    done = replay(folder, "--from-archive", "--json", *arguments, **env)
    assert (done.returncode, complaints(done)) == (0, "")
    return dict(json.loads(done.stdout))


def readings(folder: Path, sensor: str = SENSORS[0]) -> list[Reading]:
    async def read() -> list[Reading]:
        history = SqliteHistory(folder / "history.sqlite")
        try:
            return [each async for each in history.readings(sensor, 0, 2**62)]
        finally:
            await history.close()

    return asyncio.run(read())


def test_the_embedded_archive_is_replayed_dry_and_in_earnest(tmp_path: Path) -> None:
    archive(tmp_path, LOG)
    dry = told(tmp_path, *SECOND_DAY, "--dry-run")
    assert not (tmp_path / "history.sqlite").exists()
    done = told(tmp_path, *SECOND_DAY)
    assert (dry["written"], done["written"]) == (False, True)
    assert dry["digest"] == done["digest"] == told(tmp_path, *SECOND_DAY)["digest"]
    assert (done["from"], done["to"]) == ("2025-10-06T00:00:00.000Z", "2025-10-07T00:00:00.000Z")
    assert [(each["day"], each["readings"], each["refused"]) for each in done["sensor_days"]] == [
        ("2025-10-06", 144, None)
    ] * 2
    assert len(readings(tmp_path)) == 144
    text = replay(tmp_path, *SECOND_DAY, "--from-archive", "--sensor", SENSORS[1].upper().replace(":", ""))
    assert text.returncode == 0
    assert "replaced 1 sensor-days: 144 readings by 144" in text.stdout
    assert "records/s" in text.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("replay-")) == []


def test_a_key_in_the_workers_file_counts(tmp_path: Path) -> None:
    archive(tmp_path, log([secret_frame(D0 + DAY + HOUR)], D0, D0 + 2 * DAY + HOUR))
    (tmp_path / "keys.yaml").write_text(f"{ENCRYPTED}: {'0123456789abcdef' * 2}\n")
    assert told(tmp_path, *SECOND_DAY)["dead_letters"] == {"bindkey_missing": 1}
    assert readings(tmp_path, ENCRYPTED) == []
    told(tmp_path, *SECOND_DAY, STREAMS_KEYS_FILE=str(tmp_path / "keys.yaml"))
    assert len(readings(tmp_path, ENCRYPTED)) == 1


def test_days_that_the_log_does_not_hold_are_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    archive(tmp_path, LOG)
    told(tmp_path, *SECOND_DAY)
    (tmp_path / "archive.sqlite").unlink()
    archive(tmp_path, [each for each in LOG if not D0 + DAY <= each.received_at < D0 + DAY + HOUR])
    before = readings(tmp_path)
    done = replay(tmp_path, *SECOND_DAY, "--from-archive")
    assert done.returncode == 2
    assert done.stderr == "bluflow: 2 sensor-days were left as they are: see above why\n"
    assert "2025-10-06 7c:c6:b6:bd:4c:b5 stays: the log does not have the frames of 6 of the 144" in done.stdout
    assert readings(tmp_path) == before


def test_today_is_rebuilt_by_force_as_far_as_it_has_come(tmp_path: Path) -> None:
    now = round(time.time() * 1000)
    today = now - now % DAY
    start = today - DAY
    archive(tmp_path, log((each.frame() for each in packets(start, now)), start, now))
    first, last = (time.strftime("%Y-%m-%d", time.gmtime(at / 1000)) for at in (today, today + DAY))
    done = told(tmp_path, "--from", first, "--to", last, "--force")
    expected = len([each for each in packets(start, now) if each.measured_at >= today]) // 4
    assert len(readings(tmp_path)) == expected
    assert all(each["refused"] is None for each in done["sensor_days"])


@pytest.mark.parametrize("stored", ["archive.sqlite", "archive"])
def test_ctrl_c_leaves_nothing_half_done_and_it_can_be_run_again(tmp_path: Path, stored: str) -> None:
    """From an archive.sqlite, and from Parquet files."""
    long = log((each.frame() for each in packets(D0, D0 + 2 * DAY)), D0, D0 + 2 * DAY + HOUR, tick_every=5_000)
    archive(tmp_path, long)
    exported = bluflow("archive", "export", *WHOLE, "--from-archive", folder=tmp_path, BLUFLOW_DATA=str(tmp_path))
    assert exported.returncode == 0
    command = [sys.executable, "-P", "-m", "cli", "replay", *SECOND_DAY, "--from-archive", stored]
    env = environment(PYTHONPATH=str(ROOT), BLUFLOW_DATA=str(tmp_path))
    with (tmp_path / "said").open("wb") as said:
        child = spawn(command, env=env, cwd=str(tmp_path), stdout=said, stderr=said)
        try:
            until(lambda: _reads(child.pid, tmp_path), 60, "it never began")
            child.send_signal(signal.SIGINT)
            assert child.wait(30) == 130
        finally:
            child.kill()
            child.wait()
    assert "Traceback" not in (tmp_path / "said").read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("replay-")) == []
    assert len(readings(tmp_path)) in (0, 144)
    told(tmp_path, *SECOND_DAY, stored)
    assert len(readings(tmp_path)) == 144


def _reads(pid: int, folder: Path) -> bool:
    """Whether that process holds its temporary file in the folder, which has no name any more."""
    held = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.append(os.readlink(link))  # noqa: PTH115 - Path.readlink would make a path of what is none
        except OSError:
            continue
    return any(each.startswith(f"{folder}/replay-") for each in held)


TODAY, TOMORROW = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86_400)) for days in (0, 1))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--from", "2025-10-06", "--to", "2025-10-06"), "--to has to be later than --from"),
        (("--from", "2020-10-06", "--to", "2025-10-06"), "more than 366 days at once"),
        (("--from", "yesterday", "--to", "2025-10-06"), "not an RFC 3339 time or date"),
        (("--from", "2025-10-06T00:00:00", "--to", "2025-10-07"), "a time without offset is ambiguous"),
        (("--from", TODAY, "--to", TOMORROW), "today (UTC) is not over"),
        (("--from", "2998-01-01", "--to", "2998-01-02", "--force"), "it lies in the future"),
        ((*SECOND_DAY, "--sensor", "fridge"), "not a MAC address"),
        ((*SECOND_DAY, "archive.sqlite"), "a file is read with --from-archive"),
        ((*SECOND_DAY, "--from-archive"), "archive.sqlite: there is no such file"),
        ((*SECOND_DAY, "--from-archive", "nonsense"), "nonsense: neither an archive.sqlite nor a Parquet file"),
        (("--to", "2025-10-06"), "--from"),
        (SECOND_DAY, "no Kafka broker answers on 127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    (tmp_path / "nonsense").write_bytes(b"PK nothing")
    done = replay(tmp_path, *arguments, BROKER="127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
