"""The settings choose the engine, and every process's settings can be asked."""

from pathlib import Path

import pytest

from history.influx import InfluxHistory
from history.open import open_reader, open_writer
from history.sqlite import SqliteHistory
from history.store import DAY_MS as DAY
from history.store import StoreMisconfigured
from runtime.settings import Settings
from schemas.registry import Entry, Placement, Registry
from tests.contract.engines import SENSOR, START, reading
from tests.influxdb import Influx


async def test_sqlite_keeps_what_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, raw_days=2, five_minute_days=3)
    writer, reader = open_writer(settings), open_reader(settings)
    assert isinstance(writer, SqliteHistory)
    assert list(tmp_path.iterdir()) == []
    await writer.write([reading(0)])
    assert await writer.prune(START + 2 * DAY) == 0
    assert await reader.newest() == [reading(0)]
    assert await writer.prune(START + 2 * DAY + 1) == 1
    assert await reader.newest() == []
    await writer.close()
    await reader.close()


async def test_influxdb_has_the_places_of_the_registry(tmp_path: Path, influx: Influx) -> None:
    bucket = influx.make_buckets()
    settings = Settings(
        history="influxdb", influxdb_url=influx.url, influxdb_bucket=bucket, influxdb_token_file=influx.token_file
    )
    registry = Registry([Entry(SENSOR, placements=(Placement(0, "Kitchen"),))])
    writer, reader = open_writer(settings, lambda: registry), open_reader(settings)
    assert isinstance(writer, InfluxHistory)
    await writer.write([reading(0)])
    assert await reader.newest() == [reading(0)]
    assert influx.query("SHOW TAG VALUES WITH KEY = location", bucket)[0].values[0] == ["location", "Kitchen"]
    await writer.close()
    await reader.close()


def test_what_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreMisconfigured, match="influxdb_url"):
        open_reader(Settings(history="influxdb", influxdb_url="nonsense"))
    with pytest.raises(StoreMisconfigured, match="INFLUXDB_TOKEN_FILE"):
        open_writer(Settings(history="influxdb", influxdb_token_file=tmp_path / "none"))
