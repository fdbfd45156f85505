"""A copy of the registry's topic in the data folder: the embedded broker keeps its topics in memory, and people would
not enter their sensors twice.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from runtime.registry import Told
from runtime.registry_change import change_registry
from schemas.codec import encode
from schemas.registry import Entry

log = logging.getLogger("bluflow.registry")

COPY = "registry.json"
_decode = msgspec.json.Decoder(list[Entry]).decode


def keep_copy(folder: Path) -> Callable[[Told], None]:
    """What to do with each new state of the topic: the file is replaced, whole or not at all."""
    path, beside = folder / COPY, folder / f"{COPY}.new"

    def keep(told: Told) -> None:
        try:
            with beside.open("wb") as file:
                file.write(encode([told[sensor] for sensor in sorted(told)]))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            log.warning("%s: %s; the topic has what it could not take", path, error.strerror)

    return keep


def read_copy(folder: Path) -> Told:
    """What the copy holds; nothing if there is none, or if it is damaged."""
    path = folder / COPY
    try:
        return {entry.sensor: entry for entry in _decode(path.read_bytes())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}


async def restore_copy(folder: Path, broker: str, topic: str, now: int) -> int:
    """Write into the topic what it has not, or has older; says how many entries. `now` in unix milliseconds.

    Raises NoSuchTopic, KafkaError, TimeoutError.
    """
    kept = read_copy(folder)
    if not kept:
        return 0

    def newer(told: Told) -> dict[str, Entry]:
        return {
            sensor: entry
            for sensor, entry in kept.items()
            if sensor not in told or told[sensor].revision < entry.revision
        }

    return len(await change_registry(broker, topic, newer, now))
