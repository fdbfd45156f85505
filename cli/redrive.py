"""Bring dead letters back to where they were read: what the command `dead-letters redrive` does."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from runtime.kafka_login import kafka_login
from schemas.dead_letter import Letter
from streams.redrive import Redriven, redriven

# since when (unix milliseconds) -> the letters buried since then, markers too
Read = Callable[[int], AsyncGenerator[Letter, None]]


@dataclass(slots=True)
class Redrive:
    """What became of the letters. `sent` by topic, `stay` by why, `before`: redriven by an earlier run."""

    dry: bool
    sent: Counter[str] = field(default_factory=Counter)
    stay: Counter[str] = field(default_factory=Counter)
    before: int = 0

    def as_text(self) -> str:
        """A line for each outcome."""
        did = "would bring back" if self.dry else "brought back"
        lines = [f"{did} {count} to {topic}" for topic, count in sorted(self.sent.items())] or [f"{did} none"]
        if self.before:
            lines.append(f"{self.before} were brought back before")
        lines += [f"{count} stay: {why}" for why, count in sorted(self.stay.items())]
        return "\n".join(lines)

    def as_json(self) -> str:
        """The same, as numbers."""
        found = {"dry_run": self.dry, "sent": self.sent, "redriven_before": self.before, "stay": self.stay}
        return json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Redriver:
    """`topic` is where the letters are, `prefix` that of all topics, `keys` the bind keys as they are now.

    What a sink of another generation could not write stays.
    """

    broker: str
    topic: str
    prefix: str
    keys: Mapping[str, bytes]
    generation: str = ""

    async def run(
        self, read: Read, since: int, wanted: Callable[[Letter], bool], *, limit: int | None, dry: bool
    ) -> Redrive:
        """Bring back at most `limit` of the wanted letters that were buried since then. Raises KafkaError."""
        done, seen = Redrive(dry), set[str]()
        async with aclosing(read(0)) as letters:
            marked = {letter.redrives async for letter in letters if letter.redrives}
        async with (
            aclosing(read(since)) as letters,
            AIOKafkaProducer(
                bootstrap_servers=self.broker, acks="all", enable_idempotence=True, **kafka_login()
            ) as producer,
        ):
            async for letter in letters:
                if letter.redrives or letter.identity in seen or not wanted(letter):
                    continue
                seen.add(letter.identity)
                back = redriven(letter, self.topic, self.keys, self.prefix, self.generation)
                if letter.identity in marked:
                    done.before += 1
                elif isinstance(back, str):
                    done.stay[back] += 1
                else:
                    if not dry:
                        await self._send(producer, letter, back)
                    done.sent[back.topic] += 1
                    if limit is not None and done.sent.total() >= limit:
                        break
        return done

    async def _send(self, producer: Any, letter: Letter, back: Redriven) -> None:
        # acknowledged one after the other: the marker is never there before what it stands for
        await producer.send_and_wait(back.topic, back.value, key=back.key, headers=back.headers)
        await producer.send_and_wait(self.topic, b"", key=letter.key, headers=letter.marker())
