"""`bluflow dead-letters list` and `show`, on a real broker, with letters of every stage and of strangers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from bridge.route import frame_record
from schemas.dead_letter import dead_letter_headers
from schemas.frame import Frame
from schemas.topics import DEAD_LETTERS
from tests.cli.processes import bluflow

T0 = 1_759_654_321_000
BINARY = bytes(range(256))


class Letters:
    """The dead letters of one prefix, and the command that reads them."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self._broker, self._prefix, self._folder = broker, prefix, folder

    async def write(self, *records: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]) -> None:
        """Key, value and headers of each, in partition 0."""
        async with AIOKafkaProducer(bootstrap_servers=self._broker) as producer:
            for key, value, headers in records:
                topic = DEAD_LETTERS.full_name(self._prefix)
                await producer.send_and_wait(topic, value, key=key, headers=headers, partition=0)

    def run(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        settings = {"BROKER": self._broker, "BLUFLOW_TOPIC_PREFIX": self._prefix, **env}
        return bluflow("dead-letters", *arguments, folder=self._folder, **settings)

    def told(self, *arguments: str, **env: str) -> dict[str, Any]:
        """What it prints as JSON; it has to end well."""
        done = self.run(*arguments, "--json", **env)
        assert (done.returncode, done.stderr) == (0, "")
        return dict(json.loads(done.stdout))


@pytest.fixture
def letters(kafka: str, topics: str, tmp_path: Path) -> Letters:
    return Letters(kafka, topics, tmp_path)


def decode_letter(offset: int, reason: str = "bad_json", value: bytes = b"{") -> tuple[bytes, bytes, Any]:
    frame = Frame("shellypro2-a/events/rpc", value, T0 + offset)
    origin = f"raw-frames.v1:1:{offset}"
    return (
        b"shellypro2-a",
        value,
        dead_letter_headers(
            stage="decode", reason=reason, origin=origin, time=T0 + offset, headers=frame.headers(), detail="column 2"
        ),
    )


async def test_what_another_generation_buried_is_not_told(letters: Letters) -> None:
    def letter(stage: str, generation: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
        headers = dead_letter_headers(stage=stage, reason="r", origin="raw:0:1", time=T0, generation=generation)
        return b"k", b"v", headers

    stages = ("bridge", "decode", "track", "history", "aggregates", "archive")
    await letters.write(*(letter(stage, generation) for stage in stages for generation in ("", "g2")))
    for generation in ("", "g2", "g3"):
        told = letters.told("list", BLUFLOW_GENERATION=generation)["counts"]
        everybodys = {"archive", "bridge"}
        assert {each["stage"] for each in told} == (everybodys if generation == "g3" else set(stages))
        assert {each["letters"] for each in told} == {1}


async def test_they_are_counted_by_stage_and_reason_and_the_newest_are_shown(letters: Letters) -> None:
    too_large = frame_record(Frame("gw/events/rpc", b"x" * 70_000, T0), "")
    again = decode_letter(1)
    await letters.write(
        *(decode_letter(offset) for offset in range(4)),
        again,
        decode_letter(9, "no_key"),
        (too_large.key, too_large.value, too_large.headers),
    )
    found = letters.told("list")
    assert found["counts"] == [
        {"stage": "bridge", "reason": "too_large", "letters": 1, "redriven": 0},
        {"stage": "decode", "reason": "bad_json", "letters": 4, "redriven": 0},
        {"stage": "decode", "reason": "no_key", "letters": 1, "redriven": 0},
    ], "one that a redelivery wrote again counts once"
    first = found["letters"][0]
    assert (first["place"], first["origin"], first["time"]) == ("0:5", "raw-frames.v1:1:9", "2025-10-05T08:52:01.009Z")
    assert [each["reason"] for each in letters.told("list", "--reason", "no_key")["letters"]] == ["no_key"]
    assert [each["stage"] for each in letters.told("list", "--stage", "bridge")["letters"]] == ["bridge"]
    assert [each["place"] for each in letters.told("list", "--limit", "2")["letters"]] == ["0:5", "0:3"]
    text = letters.run("list", "--limit", "2").stdout
    assert "decode  bad_json   4        0" in text
    assert "the newest 2 of 6" in text


async def test_since_is_when_they_were_buried(letters: Letters) -> None:
    await letters.write(decode_letter(1))
    assert len(letters.told("list", "--since", "2026-01-01")["letters"]) == 1
    assert letters.told("list", "--since", "2999-01-01")["letters"] == []
    assert letters.run("list", "--since", "2999-01-01").stdout == "no dead letters\n"


async def test_one_is_shown_whole_with_its_untouched_bytes(letters: Letters) -> None:
    await letters.write(decode_letter(3, value=BINARY), decode_letter(4, value=b'{"a":1}'))
    found = letters.told("show", "0:0")
    assert bytes.fromhex(found["value_hex"]) == BINARY
    assert found["value_text"] is None
    assert (found["stage"], found["reason"], found["detail"], found["key"]) == (
        *("decode", "bad_json", "column 2", "shellypro2-a"),
    )
    assert ["mqtt-topic", "shellypro2-a/events/rpc"] in found["headers"]
    assert ["received-at", str(T0 + 3)] in found["headers"]
    assert letters.told("show", "0:1")["value_text"] == '{"a":1}'
    text = letters.run("show", "0:1").stdout
    assert text.endswith('\n\n{"a":1}\n')
    assert f"hex {BINARY.hex()}" in letters.run("show", "0:0").stdout


async def test_records_of_strangers_are_shown_and_steer_no_terminal(letters: Letters) -> None:
    steering = "\x1b[2J\x1b[31mred\r\n"
    await letters.write(
        (None, b"", []),
        (BINARY, BINARY, [("dead-letter-time", b"never"), ("dead-letter-reason", b"\xff\xfe"), ("x", BINARY)]),
        (b"k", steering.encode(), dead_letter_headers(stage="s", reason=steering, origin=steering, time=T0)),
    )
    found = letters.told("list")
    assert sum(each["letters"] for each in found["counts"]) == 3
    assert ("unknown", "unknown") in {(each["stage"], each["reason"]) for each in found["letters"]}
    for arguments in (["list"], ["show", "0:0"], ["show", "0:1"], ["show", "0:2"]):
        done = letters.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout


def assert_one_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert all(word in done.stderr for word in words), done.stderr


def test_what_cannot_be_is_one_line(letters: Letters) -> None:
    assert_one_line(letters.run("show", "0:99"), "0:99", "dead-letters list")
    assert_one_line(letters.run("show", "x"), "PARTITION:OFFSET")
    assert_one_line(letters.run("show"), "PLACE")
    assert_one_line(letters.run("list", "--since", "yesterday"), "--since", "2026-03-01T12:00:00Z")
    assert_one_line(letters.run("list", "--limit", "0"), "--limit")
    assert_one_line(letters.run("list", BLUFLOW_TOPIC_PREFIX="nobody."), "nobody.dead-letters.v1")
    assert_one_line(letters.run("list", BROKER="127.0.0.1:1"), "BROKER", "127.0.0.1:1")
    assert_one_line(letters.run("bury"), "bury")
