"""The children's log files: bounded without losing a line, every line in the schema."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.logs import LogFile, Output, marker

LINES = [f"line {number}" for number in range(500)]
TALKER = (
    "import sys\nfor number in range(500): print('line', number, file=(sys.stdout, sys.stderr)[number % 2], flush=True)"
)


def all_lines(log: Path, kept: int) -> list[str]:
    names = [*(log.with_name(f"{log.name}.{number}") for number in range(kept - 1, 0, -1)), log]
    return [line for name in names if name.exists() for line in name.read_text().splitlines()]


def test_no_line_is_lost_while_the_file_is_changed_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with subprocess.Popen([sys.executable, "-c", TALKER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout
        output = Output("talker", child.stdout, LogFile(log, most=20_000, kept=10), "json")
        child.wait(30)
        output.finish(30)
    assert [json.loads(line)["message"] for line in all_lines(log, 10)] == LINES
    assert output.last == LINES[-1]
    assert log.with_name("x.log.1").exists()


def test_files_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    file = LogFile(log, most=100, kept=3)
    for line in LINES:
        file.write(f"{line}\n".encode())
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    kept = all_lines(log, 3)
    assert kept == LINES[-len(kept) :]


def test_a_file_of_an_earlier_run_goes_on(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        file = LogFile(tmp_path / "x.log")
        file.write(text)
        file.close()
    assert (tmp_path / "x.log").read_text() == "one\ntwo\n"


def test_a_full_disk_does_not_stop_the_child(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", TALKER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout
        output = Output("talker", child.stdout, LogFile(Path("/dev/full")))
        assert child.wait(30) == 0
        output.finish(30)
    assert output.last == LINES[-1]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("json", '{"time": "2026-03-01T07:00:00.123Z", "level": "INFO", "message": "ü"}'),
        ("text", "2026-03-01T07:00:00.123Z INFO api uvicorn.error: started"),
    ],
)
def test_a_line_of_ours_stays_as_it_is(form: str, line: str) -> None:
    assert marker("api", form)(line).decode() == line + "\n"


def test_a_line_of_somebody_else_is_marked(tmp_path: Path) -> None:
    marked = json.loads(marker("kafka")("GLIBC 2.36, password=hunter2"))
    assert (marked["process"], marked["logger"], marked["level"]) == ("kafka", "output", "INFO")
    assert marked["message"] == "GLIBC 2.36, password=***"
    assert marker("kafka", "text")("GLIBC").decode().endswith(" INFO kafka output: GLIBC\n")
