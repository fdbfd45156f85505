"""`bluflow dead-letters redrive`: what died for want of a key is read once the key is there, and only once."""

import json
from pathlib import Path
from typing import Any

import pytest

from history.sqlite import SqliteHistory
from schemas.codec import encode
from schemas.dead_letter import Letter, dead_letter_headers
from schemas.frame import Frame
from schemas.reading import Reading
from schemas.topics import DEAD_LETTERS, RAW_FRAMES, READINGS
from streams.redrive import Redriven, redriven
from tests.cli.worker import Stack
from tests.streams.engine.conftest import until
from tests.streams.replay.logs import D0, ENCRYPTED, KEY, MINUTE, SENSORS, secret_frame

GOOD, OTHER = SENSORS
T0 = D0 + 100 * MINUTE


def mixed_frame(at: int, good: str = GOOD) -> Frame:
    """An encrypted packet, and in the same frame a plain one of another sensor."""
    secret = secret_frame(at)
    said = json.loads(secret.payload)
    said["params"]["events"][0]["data"]["d"].append([good, -60, 0, "440005016428453e00"])
    return Frame(secret.topic, json.dumps(said).encode(), secret.received_at)


async def held(folder: Path, readings: list[Reading]) -> list[Reading]:
    """What the history has of both sensors after these were written, each in a batch of its own."""
    history = SqliteHistory(folder / "history.sqlite")
    for reading in readings:
        await history.write([reading])
    found = [each for sensor in (GOOD, ENCRYPTED) async for each in history.readings(sensor, 0, 2**62)]
    await history.close()
    return found


@pytest.mark.usefixtures("worker")
async def test_frames_dead_for_want_of_a_key_are_read_once_it_is_there(stack: Stack, tmp_path: Path) -> None:
    await stack.frame(mixed_frame(T0))
    await stack.until_letters(1)
    await stack.until_readings(1)
    assert [each.sensor for each in await stack.readings()] == [GOOD]

    none = {"dry_run": False, "redriven_before": 0, "sent": {}}
    stays = {"it would die of the same again: bindkey_missing": 1}
    assert stack.redrive() == {**none, "stay": stays}
    stack.add_key()
    raw = RAW_FRAMES.full_name(stack.prefix)
    assert stack.redrive("--dry-run") == {"dry_run": True, "redriven_before": 0, "sent": {raw: 1}, "stay": {}}
    assert stack.redrive("--reason", "no_such") == {**none, "stay": {}}
    assert len(await stack.records(RAW_FRAMES)) == 1
    assert stack.redrive("--reason", "bindkey_missing", "--stage", "decode") == {**none, "sent": {raw: 1}, "stay": {}}
    await stack.until_readings(2)

    async def secret_read() -> bool:
        return ENCRYPTED in {each.sensor for each in await stack.readings()}

    await until(secret_read)
    [secret] = [each for each in await stack.readings() if each.sensor == ENCRYPTED]
    assert (secret.measured_at, secret.received_at, secret.flags) == (T0, T0 + 40, ("restored",))
    assert stack.redrive() == {**none, "redriven_before": 1, "stay": {}}
    assert len(await stack.records(RAW_FRAMES)) == 2
    found = await held(tmp_path, await stack.readings())
    assert sorted((each.sensor, each.measured_at) for each in found) == sorted([(GOOD, T0), (ENCRYPTED, T0)])
    [count] = json.loads(stack.run("list", "--json").stdout)["counts"]
    assert count == {"stage": "decode", "reason": "bindkey_missing", "letters": 1, "redriven": 1}


@pytest.mark.usefixtures("worker")
async def test_a_frame_sent_without_its_marker_changes_nothing_the_second_time(stack: Stack, tmp_path: Path) -> None:
    """The command was killed between the two: the next run sends it again."""
    await stack.frame(mixed_frame(T0))
    await stack.until_letters(1)
    stack.add_key()
    [letter] = await stack.letters()
    back = redriven(letter, "letters", {ENCRYPTED: KEY}, stack.prefix)
    assert isinstance(back, Redriven)
    await stack.write(RAW_FRAMES, back.value, back.key, back.headers)
    assert sum(stack.redrive()["sent"].values()) == 1
    last = mixed_frame(T0 + 60 * MINUTE, OTHER)
    await stack.frame(last)

    async def all_read() -> bool:
        return OTHER in {each.sensor for each in await stack.readings()}

    await until(all_read)
    found = await held(tmp_path, await stack.readings())
    assert sorted((each.sensor, each.measured_at) for each in found) == sorted([(GOOD, T0), (ENCRYPTED, T0)])


async def test_a_sinks_letter_goes_back_to_its_topic(stack: Stack) -> None:
    reading = encode(Reading(GOOD, T0, T0, "gateway", "gw", {"temperature": 20.5}, "bluflow", None))  # type: ignore[arg-type]
    name = READINGS.full_name(stack.prefix)
    headers = dead_letter_headers(
        stage="history", reason="rejected", origin=f"{name}:1:7", time=T0, headers=[("a", b"b")]
    )
    await stack.write(DEAD_LETTERS, reading, GOOD.encode(), headers)
    assert stack.redrive("--limit", "1")["sent"] == {name: 1}
    [record] = await stack.records(READINGS)
    assert (record.key, record.value) == (GOOD.encode(), reading)
    assert [name for name, _ in record.headers] == ["a", "redriven-from"]
    assert stack.redrive()["redriven_before"] == 1


LETTERS: list[tuple[dict[str, Any], bytes, str]] = [
    ({"stage": "bridge", "reason": "too_large", "headers": [("length", b"70000")]}, b"x", "1 of its 70000 bytes"),
    ({"stage": "bridge", "reason": "undeliverable", "headers": [("mqtt-topic-bytes", b"\xff")]}, b"x", "UTF-8"),
    ({"stage": "decode", "reason": "bad_record"}, b"x", "no bridge wrote it"),
    ({"stage": "decode", "reason": "x", "headers": [("mqtt-topic", b"\xff"), ("received-at", b"1")]}, b"", "no bridge"),
    ({"stage": "track", "reason": "counter_replayed"}, b"x", "replay its day"),
    ({"stage": "history", "reason": "rejected", "origin": "elsewhere:1:2"}, b"x", "no topic that a sink reads"),
    ({"stage": "archive", "reason": "rejected", "origin": "raw-frames.v1:1:2"}, b"x", "no topic that a sink reads"),
    ({"stage": "", "reason": ""}, b"x", "no topic that a sink reads"),
]


@pytest.mark.parametrize(("facts", "value", "why"), LETTERS)
def test_what_cannot_go_back_says_why(facts: dict[str, Any], value: bytes, why: str) -> None:
    class Record:
        partition, offset, timestamp, key = 0, 3, T0, None
        headers = dead_letter_headers(**{"origin": "raw-frames.v1:0:1", "time": T0, **facts})

    record: Any = Record()
    record.value = value
    stays = redriven(Letter.from_record(record), "letters", {}, "")
    assert isinstance(stays, str)
    assert why in stays


def test_a_sinks_letter_goes_back_within_its_generation() -> None:
    class Record:
        partition, offset, timestamp, key, value = 0, 3, T0, None, b"x"
        headers = dead_letter_headers(stage="history", reason="rejected", origin="x.readings.v1.g2:1:2", time=T0)

    letter = Letter.from_record(Record())
    back = redriven(letter, "letters", {}, "x.", "g2")
    assert isinstance(back, Redriven)
    assert back.topic == "x.readings.v1.g2"
    assert isinstance(redriven(letter, "letters", {}, "x."), str)


def test_bad_words_are_one_line(stack: Stack) -> None:
    stack.keys.write_text("7c:c6:b6:01:02:03: 0123\n")
    done = stack.run("redrive")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "keys.yaml" in done.stderr
    assert "0123\n" not in done.stderr
    done = stack.run("redrive", "--since", "soon")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    stack.add_key()
    done = stack.run("redrive", BROKER="127.0.0.1:1")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "127.0.0.1:1" in done.stderr
