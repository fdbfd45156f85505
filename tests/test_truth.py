"""A world through the whole pipeline: the API holds what is owed, and `bluflow truth` finds what is not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shelly.world.truth import Head, Published, Sent, read, write
from tests.cli.processes import bluflow
from tests.stack import Stack, running_stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    keys = tmp_path / "keys.yaml"
    keys.touch(0o600)
    env = {"SIMULATE": "0", "STREAMS_KEYS_FILE": str(keys)}
    with running_stack(tmp_path / "data", **env) as running:
        yield running


def test_the_pipeline_holds_what_was_measured_and_a_fault_would_be_seen(stack: Stack, tmp_path: Path) -> None:
    told, keys, api = tmp_path / "truth", tmp_path / "keys.yaml", str(stack.api.base_url)
    world = ["--format", "mixed", "--gateways", "12", "--sensors", "8", "--interval", "2", "--encrypted", "2"]
    files = ["--truth", str(told), "--keys-file", str(keys), "--mqtt", stack.mqtt]
    played = bluflow("simulate", *world, *files, "--duration", "12", folder=tmp_path)
    assert played.returncode == 0, played.stderr

    good = bluflow("truth", str(told), "--api", api, "--wait", "60", folder=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.splitlines()[-1].split()[:2] == ["all", "8"]
    assert good.stdout.splitlines()[-1].endswith("right")

    lines = [read(line) for line in told.read_bytes().splitlines(keepends=True)]
    last = next(line for line in reversed(lines) if isinstance(line, Sent) and not line.encrypted)
    never = Sent(**{name: getattr(last, name) for name in last.__struct_fields__} | {"number": 999, "packet_id": 77})
    lines += [never, Published("gw", last.at, "gw/events/rpc", 1, [never.packet])]
    told.write_bytes(b"".join(map(write, lines)))
    bad = bluflow("truth", str(told), "--api", api, folder=tmp_path)
    assert bad.returncode == 1
    assert f"missing: {last.sensor} packet 77, sent " in bad.stdout
    assert "NOT RIGHT" in bad.stdout


def test_what_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    told = tmp_path / "told"
    told.write_bytes(write(Head(1, "house", 1, 1_800_000_000_000, 1.0, {}, {"7c:c6:b6:00:00:01": "SBHT-003C"})))
    for words, why in (
        ([str(empty)], "empty: empty"),
        ([str(tmp_path / "none")], "No such file"),
        ([str(told), "--api", "http://127.0.0.1:1"], "no API answers on http://127.0.0.1:1"),
        ([str(told), "--api", "somewhere"], "no API answers on somewhere"),
        ([str(told), "--key-file", str(tmp_path / "none")], "cannot be read"),
    ):
        done = bluflow("truth", *words, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert why in done.stderr
