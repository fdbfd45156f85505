"""`bluflow sensors`: the registry; sensors' bind keys; let an encryption counter begin anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import sensor_keys, sensor_registry

if TYPE_CHECKING:
    from schemas.frame import Frame

sensors = typer.Typer(name="sensors", help="The registry, and orders about one sensor.", no_args_is_help=False)
sensors.command("list")(sensor_registry.list_sensors)
for command in (
    *(sensor_registry.name, sensor_registry.locate, sensor_registry.calibrate, sensor_registry.interval),
    *(sensor_registry.limits, sensor_registry.forget, sensor_registry.export),
):
    sensors.command()(command)
sensors.command("import")(sensor_registry.import_file)
sensors.command("set-key")(sensor_keys.set_key)
sensors.command("forget-key")(sensor_keys.forget_key)
sensors.command("keys")(sensor_keys.keys)


@sensors.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The file to look at; else the one of the settings.")] = None,
) -> None:
    """Print what the registry's file says, or what is wrong in it and on which line."""
    from cli.sensor_registry_shown import entries_text
    from runtime.sensors_file import SensorsFile, open_sensors
    from runtime.settings import Settings, load

    held = SensorsFile(file, required=True) if file else open_sensors(load(Settings))
    entries = [held.registry.entries[sensor] for sensor in sorted(held.registry.entries)]
    typer.echo(entries_text(entries))
    typer.echo(f"{held.path}: {len(entries)} sensors" + ("" if held.path.exists() else " (no such file)"), err=True)


@sensors.command("reset-counter")
def reset_counter(mac: Annotated[str, typer.Argument(help="The sensor's MAC address, in any writing.")]) -> None:
    """Accept a lower encryption counter from this sensor once: after a new battery or a factory reset."""
    import asyncio
    import logging
    import time

    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    from cli.checks import reachable
    from cli.settings import RunSettings
    from cli.unusable import Unusable
    from runtime.kafka import topics_of
    from runtime.kafka_login import kafka_login
    from runtime.logs import origin
    from runtime.settings import load
    from schemas.topics import RAW_FRAMES

    sensor = sensor_keys.sensor_of(mac)
    settings = load(RunSettings)
    broker = settings.broker_address
    frame, topic = reset_frame(sensor, time.time_ns() // 1_000_000), RAW_FRAMES.full_name(settings.topic_prefix)

    async def publish() -> str:
        await reachable("Kafka broker", broker, "BROKER")
        if topic not in await topics_of(broker):  # a producer may make what is missing, with one partition
            raise Unusable(f"{broker} has no topic {topic}: correct BROKER or BLUFLOW_TOPIC_PREFIX")
        async with AIOKafkaProducer(
            bootstrap_servers=broker, acks="all", request_timeout_ms=10_000, **kafka_login()
        ) as producer:
            record = await producer.send_and_wait(topic, frame.payload, sensor.encode(), headers=frame.headers())
        return origin(record.topic, record.partition, record.offset)

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        place = asyncio.run(publish())
    except KafkaError as error:
        raise Unusable(f"{broker} did not take the order: {str(error) or type(error).__name__}") from error
    typer.echo(f"{sensor}: its next packet may begin a new counter (order written at {place})")


def reset_frame(sensor: str, now: int) -> "Frame":
    """The operator's word that a sensor's counter begins anew; `now` in unix milliseconds."""
    from schemas.frame import Frame

    return Frame(f"bluflow/reset-counter/{sensor}", b"", now, operator=True)
