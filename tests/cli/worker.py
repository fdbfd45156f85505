"""A worker on topics of its own, with a file of bind keys, and commands beside it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from runtime.snapshot import snapshot
from schemas.codec import decode_reading
from schemas.dead_letter import Letter
from schemas.frame import Frame
from schemas.reading import Reading
from schemas.topics import DEAD_LETTERS, RAW_FRAMES, READINGS, Topic
from tests.cli.processes import bluflow
from tests.streams.engine.conftest import until
from tests.streams.replay.logs import ENCRYPTED, KEY


class Stack:
    """A worker on topics of its own, and the command beside it."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.broker, self.prefix, self.folder = broker, prefix, folder
        self.keys = folder / "keys.yaml"
        self.keys.write_text(f"7c:c6:b6:99:99:99: {'00' * 16}\n")
        self.settings = {
            "BROKER": broker,
            "BLUFLOW_TOPIC_PREFIX": prefix,
            "BLUFLOW_DATA": str(folder),
            "STREAMS_KEYS_FILE": str(self.keys),
        }

    async def write(self, topic: Topic, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker) as producer:
            await producer.send_and_wait(topic.full_name(self.prefix), value, key=key, headers=headers)

    async def frame(self, frame: Frame) -> None:
        await self.write(RAW_FRAMES, frame.payload, b"gw-a", frame.headers())

    async def records(self, topic: Topic) -> list[Any]:
        return [record async for record in snapshot(self.broker, topic.full_name(self.prefix))]

    async def readings(self) -> list[Reading]:
        return [decode_reading(record.value) for record in await self.records(READINGS)]

    async def letters(self) -> list[Letter]:
        return [Letter.from_record(record) for record in await self.records(DEAD_LETTERS)]

    async def until_readings(self, count: int) -> None:
        async def there() -> bool:
            return len(await self.readings()) >= count

        await until(there)

    async def until_letters(self, count: int) -> None:
        async def there() -> bool:
            return len(await self.letters()) >= count

        await until(there)

    def add_key(self) -> None:
        self.keys.write_text(f"'{ENCRYPTED}': {KEY.hex()}\n")

    def run(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return bluflow("dead-letters", *arguments, folder=self.folder, **{**self.settings, **env})

    def redrive(self, *arguments: str) -> dict[str, Any]:
        done = self.run("redrive", *arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return dict(json.loads(done.stdout))
