"""Each part runs, with next to nothing: our side gives figures, and the peers' side where they are installed."""

import re
from pathlib import Path

import pytest

from benchmarks import brokers
from benchmarks.bench import Bench
from benchmarks.child import PEERS
from benchmarks.engine import backlog
from benchmarks.parts import PARTS
from schemas.advertisement import Advertisement
from schemas.codec import decode_advertisement


def rows(tables: list[str]) -> list[tuple[str, str]]:
    """Contestants and their first cells, of all tables."""
    return list(re.findall(r"^\| (\w[^|]*) \| ([^|]*) \|", "\n".join(tables), re.MULTILINE))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_gives_figures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("bridge", "engine", "end_to_end", "recovery"):  # the other broker is not on every machine
        monkeypatch.setattr(f"benchmarks.{part}.part.BROKERS", {"noida-db": brokers.embedded})
    monkeypatch.setattr("benchmarks.engine.part.SENSORS", (1_000,))
    bench = Bench(tmp_path, rounds=1, smoke=True, seconds=90)
    found = rows(list(PARTS[name].measure(bench)))
    assert bench.failed == []
    assert found
    for contestant, figure in found:
        peer = re.match("quixstreams|bytewax|bthome", contestant)
        if peer and not PEERS.exists():
            assert figure.startswith("not installed")
        else:
            assert re.match(r"[\d,.]+", figure), (contestant, figure)


def test_a_backlog_is_what_it_says() -> None:
    """The count of first copies is what every contestant is held to."""
    said = [decode_advertisement(value) for _, _, value in backlog.records(1_000, 40)]
    heard = [each for each in said if isinstance(each, Advertisement)]
    packets = {(each.sensor, each.values["packet_id"], each.values["temperature"]) for each in heard}
    assert len(heard) == 1_000
    assert len(packets) == 800
    assert len({each.at for each in heard}) == 1_000
    assert {each.gateway for each in heard if each.sensor == backlog.sensor(0)} != {heard[0].gateway}
