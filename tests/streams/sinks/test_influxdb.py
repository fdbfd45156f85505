"""The sinks with InfluxDB behind them: rows and places, outages, what readiness says."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from runtime.kafka import ensure_topics
from runtime.registry_change import change_registry
from runtime.registry_copy import read_copy
from schemas.aggregate import FIVE_MINUTES
from schemas.registry import Entry, Placement
from schemas.topics import AGGREGATES, READINGS, SENSORS
from tests.contract.engines import SENSOR, aggregate, reading
from tests.influxdb import Influx
from tests.streams.sinks.conftest import Pipeline, aggregate_message, reading_message, until


def environment(influx: Influx, bucket: str, **more: str) -> dict[str, str]:
    return {
        "HISTORY": "influxdb",
        "INFLUXDB_URL": influx.url,
        "INFLUXDB_BUCKET": bucket,
        "INFLUXDB_TOKEN_FILE": str(influx.token_file),
        **more,
    }


async def committed(pipeline: Pipeline, history: int, aggregates: int) -> bool:
    return (await pipeline.committed("history"), await pipeline.committed("aggregates")) == (history, aggregates)


async def copied(folder: Path) -> bool:
    """Whether the sinks have taken up what the registry's topic says: they keep a copy of it."""
    return SENSOR in read_copy(folder)


async def test_readings_and_aggregates_come_in_with_their_place_as_it_is_then(
    pipeline: Pipeline, start: Callable[..., Any], influx: Influx, tmp_path: Path
) -> None:
    bucket, sensors = influx.make_buckets(), tmp_path / "sensors.yaml"
    sensors.write_text(f"sensors:\n  {SENSOR}:\n    location: Kitchen\n")
    start(**environment(influx, bucket, BLUFLOW_SENSORS_FILE=str(sensors)))
    await pipeline.send(READINGS, [reading_message(number) for number in range(100)])
    await pipeline.send(AGGREGATES, [aggregate_message(aggregate(number)) for number in range(20)])
    await until(partial(committed, pipeline, 100, 20))
    sensors.write_text("sensors: [")  # said in the log; what was read before stays
    await pipeline.send(READINGS, [reading_message(100)])
    await until(partial(committed, pipeline, 101, 20))
    sensors.write_text(f"sensors:\n  {SENSOR}:\n    location: Cellar, left\n")
    await pipeline.send(READINGS, [reading_message(101)])
    await until(partial(committed, pipeline, 102, 20))
    attic = Entry(SENSOR, placements=(Placement(0, "Attic"),))  # the topic's entry counts more than the file's
    settings = pipeline.settings
    await change_registry(settings.broker, settings.topic(SENSORS), lambda told: {SENSOR: attic}, 1)
    await until(partial(copied, settings.data))
    await pipeline.send(READINGS, [reading_message(102)])
    await until(partial(committed, pipeline, 103, 20))
    store = influx.history(bucket)
    assert [found async for found in store.readings(SENSOR, 0, 2**62)] == [reading(number) for number in range(103)]
    found = [found async for found in store.aggregates(SENSOR, FIVE_MINUTES, 0, 2**62)]
    assert found == [aggregate(number) for number in range(20)]
    await store.close()
    counted = influx.query('SELECT count(value) FROM "temperature" GROUP BY location', bucket)
    assert {one.tags["location"]: one.values[0][1] for one in counted} == {
        "Kitchen": 101,
        "Cellar, left": 1,
        "Attic": 1,
    }
    assert (tmp_path / "sinks.log").read_text().count("what was read before stays") == 1
    assert not pipeline.history_file.exists()


async def test_nothing_is_placed_before_the_registry_was_read(
    pipeline: Pipeline, start: Callable[..., Any], influx: Influx
) -> None:
    bucket, settings = influx.make_buckets(), pipeline.settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    await admin.delete_topics([settings.topic(SENSORS)])
    await admin.close()
    start(**environment(influx, bucket))
    await pipeline.send(READINGS, [reading_message(0)])

    async def says_why() -> bool:
        status, text = await pipeline.page("/health/ready")
        return status == 503 and "history: store: registry: topic" in text and "bluflow topics --create" in text

    await until(says_why)
    assert await pipeline.committed("history") == 0
    await ensure_topics(settings.broker, [SENSORS], settings.topic_prefix, embedded=True)
    await until(partial(committed, pipeline, 1, 0), seconds=60)


async def test_a_server_killed_while_it_is_written_loses_and_repeats_nothing(
    pipeline: Pipeline, start: Callable[..., Any], own_influx: Influx, tmp_path: Path
) -> None:
    """Twice, and the sinks keep their partitions; meanwhile readiness says what is wrong."""
    bucket = own_influx.make_buckets()
    count = 6000
    await pipeline.send(READINGS, [reading_message(number) for number in range(count)])
    child = start(**environment(own_influx, bucket, SINKS_BATCH_RECORDS="20"))
    for least in (1, 1000):

        async def some(least: int = least) -> bool:
            return await pipeline.committed("history") >= least

        await until(some)
        own_influx.kill()

        async def says_why() -> bool:
            status, text = await pipeline.page("/health/ready")
            return status == 503 and "history: store: InfluxDB at" in text and "cannot be reached" in text

        await until(says_why)
        assert await pipeline.committed("history") < count
        own_influx.start()

    async def all_there() -> bool:
        return await committed(pipeline, count, 0) and await pipeline.ready()

    await until(all_there, seconds=60)
    assert child.poll() is None
    store = own_influx.history(bucket, page=2000)
    assert [found async for found in store.readings(SENSOR, 0, 2**62)] == [reading(number) for number in range(count)]
    await store.close()
    assert await pipeline.dead_letters() == []
    assert own_influx.token_file.read_text().strip() not in (tmp_path / "sinks.log").read_text()


async def test_readiness_names_a_bucket_that_nobody_made(
    pipeline: Pipeline, start: Callable[..., Any], influx: Influx
) -> None:
    """Without anything to write, too."""
    start(**environment(influx, "forgotten"))

    async def says_which() -> bool:
        status, text = await pipeline.page("/health/ready")
        return status == 503 and "no bucket forgotten in" in text and "no bucket forgotten_5m in" in text

    await until(says_which)
