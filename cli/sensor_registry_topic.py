"""The registry's topic as `bluflow sensors` reads and writes it. Each function raises Unusable with one line."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import typer
from aiokafka.errors import KafkaError

from cli.checks import reachable
from cli.sensor_registry_asked import now
from cli.sensor_registry_shown import changes_text, earliest, replay_text
from cli.settings import RunSettings
from cli.unusable import Unusable
from runtime.registry import Told, merged, read_told
from runtime.registry_change import Change, change_registry
from runtime.sensors_file import open_sensors
from runtime.settings import load
from runtime.snapshot import NoSuchTopic, snapshot
from schemas.codec import decode_latest
from schemas.reading import Latest
from schemas.registry import Entry, Registry
from schemas.topics import LATEST, RAW_FRAMES, SENSORS
from streams.sinks.settings import SinkSettings

T = TypeVar("T")
Edits = Mapping[str, Callable[[Entry], Entry]]


def registry() -> Registry:
    """What file and topic say."""
    settings = load(RunSettings)
    file = open_sensors(settings).registry
    return merged(file, _asked(settings, read_told(settings.broker_address, settings.topic(SENSORS))))


def look() -> tuple[Registry, dict[str, Latest]]:
    """What file and topic say, and every sensor that was heard."""
    settings, heard = load(RunSettings), dict[str, Latest]()
    file = open_sensors(settings).registry

    async def read() -> Told:
        async for record in snapshot(settings.broker_address, settings.topic(LATEST)):
            if record.value is not None:
                latest = decode_latest(record.value)
                heard[latest.sensor] = latest
        return await read_told(settings.broker_address, settings.topic(SENSORS))

    return merged(file, _asked(settings, read())), heard


def change(edits: Edits, *, write: bool = True) -> None:
    """Change those sensors' entries, or only say what would change, unless `write`."""
    settings = load(RunSettings)
    file = open_sensors(settings).registry

    def edit(told: Told) -> dict[str, Entry]:
        known = merged(file, told)
        return {sensor: one(known.entry(sensor)) for sensor, one in edits.items()}

    topic = settings.topic(SENSORS)
    if write:
        changes = _asked(settings, change_registry(settings.broker_address, topic, edit, now()))
    else:
        told = _asked(settings, read_told(settings.broker_address, topic))
        changes = {sensor: Change(told.get(sensor), entry) for sensor, entry in edit(told).items()}
    _tell(settings, file, changes)


def forget(sensor: str) -> None:
    """Take its entry away."""
    settings = load(RunSettings)
    file = open_sensors(settings)

    def edit(told: Told) -> dict[str, Entry | None]:
        if sensor not in told:
            where = f"{file.path} alone knows it: take it out there" if file.registry.claimed(sensor) else "not known"
            raise Unusable(f"sensor {sensor} is not in the registry's topic: {where}")
        return {sensor: None}

    changing = change_registry(settings.broker_address, settings.topic(SENSORS), edit, now())
    _tell(settings, file.registry, _asked(settings, changing))
    if file.registry.claimed(sensor):
        typer.echo(f"{sensor}: what {file.path} says of it counts again; take it out there too", err=True)


def _tell(settings: RunSettings, file: Registry, changes: Mapping[str, Change]) -> None:
    """What is said otherwise now, and how what was measured before is brought in line."""
    known = {sensor: Change(before or file.entries.get(sensor), after) for sensor, (before, after) in changes.items()}
    for line in changes_text(known) or ["nothing to change: the registry says so already"]:
        typer.echo(line)
    archive_days = load(SinkSettings).archive_days if settings.embedded_kafka else None
    raw_days = (RAW_FRAMES.retention or 0) / 86_400
    in_force = {sensor: Change(one.before, one.after or file.entries.get(sensor)) for sensor, one in known.items()}
    for sensor, since in earliest(in_force, places=settings.history == "influxdb").items():
        if text := replay_text(sensor, since, now(), archive_days=archive_days, raw_days=raw_days):
            typer.echo(text)


def _asked(settings: RunSettings, asking: Coroutine[Any, Any, T]) -> T:
    """The answer of the broker."""
    broker = settings.broker_address

    async def ask() -> T:
        try:
            await reachable("Kafka broker", broker, "BROKER")
        except Unusable:
            asking.close()
            raise
        return await asking

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        return asyncio.run(ask())
    except NoSuchTopic as error:
        raise Unusable(f"{broker} has no topic {error}; make it with: bluflow topics --create") from error
    except (KafkaError, TimeoutError) as error:
        raise Unusable(f"{broker} did not answer: {str(error) or type(error).__name__}") from error
