"""The registry for a command that is done with what it is now."""

import typer

from cli.checks import reachable
from cli.unusable import Unusable
from runtime.registry import merged, read_told
from runtime.registry_copy import COPY, read_copy
from runtime.sensors_file import open_sensors
from runtime.settings import Settings
from runtime.snapshot import NoSuchTopic
from schemas.registry import Registry
from schemas.topics import SENSORS


async def registry_for(settings: Settings, broker: str, *, archive: bool = False) -> Registry:
    """What file and topic say. With `archive`, the copy in the data folder does when no broker answers.

    Raises Unusable, SettingsError, KafkaError.
    """
    file, topic = open_sensors(settings).registry, settings.topic(SENSORS)
    try:
        await reachable("Kafka broker", broker, "BROKER")
        told = await read_told(broker, topic)
    except Unusable as error:
        if not archive:
            raise
        if told := read_copy(settings.data):
            typer.echo(f"{error}; the registry is that of {settings.data / COPY}: {len(told)} sensors", err=True)
    except NoSuchTopic:
        if not archive:
            raise Unusable(f"{broker} has no topic {topic}; make it with: bluflow topics --create") from None
        told = read_copy(settings.data)
    return merged(file, told)
