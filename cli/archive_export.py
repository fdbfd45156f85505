"""`bluflow archive export`: a range of the log, day by day, into a file for each."""

import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient

from api.times import rfc3339
from cli.checks import reachable
from cli.settings import RunSettings
from cli.shelf import archive
from cli.teller import Teller
from history.parquet import DAY_MS, VERSION, Facts
from history.parquet_day import DayFile, held
from history.spans import Span, union, without
from runtime.kafka_login import kafka_login
from runtime.version import version
from streams.replay.coverage import Coverage
from streams.replay.days import Days
from streams.replay.kafka_source import kafka_source
from streams.replay.source import Progress, Source, StoredSource

_TELL_EVERY = 500  # records

OpenSource = Callable[[int, int], AbstractAsyncContextManager[Source]]


class Day(NamedTuple):
    """A day's file as it is now; `new` of its rows were not in it before."""

    path: Path
    facts: Facts
    new: int
    size: int


@dataclass(slots=True)
class Export:
    """Of the records that arrived in `span`, to `folder`; `days` are those that it touches. Times in unix milliseconds.

    `lost`: when records of the span may have arrived that neither the log nor the files hold. `through`: how far the
    log has come.
    """

    span: Span
    days: Days
    folder: Path
    done: list[Day] = field(default_factory=list)
    lost: list[Span] = field(default_factory=list)
    through: int = 0

    async def run(self, log: str, open_source: OpenSource, tell: Callable[[Day], None]) -> None:
        """Day by day; `tell` each when its file has its name.

        Raises UnusableFile, and what the source raises.
        """
        folder = self.folder / "".join(char if char.isalnum() or char in "._-@" else "_" for char in log)
        with held(folder):
            for midnight in range(self.days.start, self.days.end, DAY_MS):
                start, end = max(midnight, self.span[0]), min(midnight + DAY_MS, self.span[1])
                if start > time.time_ns() // 1_000_000:
                    break
                facts = Facts(VERSION, version(), log, midnight)
                async with open_source(start, end) as source:
                    day = await self._day(source, start, end, folder / f"{rfc3339(midnight)[:10]}.parquet", facts)
                if day:
                    self.done.append(day)
                    tell(day)

    def problem(self) -> str | None:
        """Why not all that was asked for is in the files; None if it is."""
        if self.lost:
            spans = ", ".join(f"{rfc3339(start)} to {rfc3339(end)}" for start, end in self.lost)
            rest = ": the rest is in the files" if self.done else ""
            return f"the log does not hold what arrived from {spans}{rest}"
        if not self.done:
            return f"no raw frames arrived from {rfc3339(self.span[0])} to {rfc3339(self.span[1])}"
        return None

    async def _day(self, source: Source, start: int, end: int, path: Path, facts: Facts) -> Day | None:
        coverage, count = Coverage(start, source.cut, source.by_offset, source.missing), 0
        with closing(DayFile(path, facts)) as file, Teller(sys.stderr) as teller:
            async for placed in source.records():
                coverage.saw(placed)
                file.add(placed)
                count += 1
                if count % _TELL_EVERY == 0:
                    teller.tell(Progress(count, source.total, placed.received_at))
            before = file.before.facts if file.before else facts
            through = max(start, min(end, source.through))
            whole = coverage.whole(through)
            lost = without((start, through), [*whole, *before.covered])
            self.lost = union([*self.lost, *lost])
            self.through = max(self.through, through)
            # a day without frames is told from one that nobody exported by a file without rows
            if not (count or file.before or (whole and source.older)):
                return None
            facts = await file.finish(whole, source.partitions)
        return Day(path, facts, facts.rows - before.rows, path.stat().st_size)


def stored(file: Path) -> OpenSource:
    """That archive.sqlite. Raises Unusable when it is opened, StoreUnavailable."""

    @asynccontextmanager
    async def open_source(start: int, end: int) -> AsyncIterator[Source]:
        async with archive(file) as opened:
            yield await StoredSource.open(opened, start, end)

    return open_source


def live(broker: str, topic: str) -> OpenSource:
    """The topic, each time up to where it ends then. Raises LogForgot, KafkaError."""

    def open_source(start: int, end: int) -> AbstractAsyncContextManager[Source]:
        return kafka_source(broker, topic, start, end)

    return open_source


async def cluster_of(settings: RunSettings) -> str:
    """What the broker's cluster calls itself. Raises Unusable if it does not answer, KafkaError."""
    await reachable("Kafka broker", settings.broker_address, "BROKER")
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker_address, **kafka_login())
    await admin.start()
    try:
        return (await admin.describe_cluster()).get("cluster_id") or "unnamed"
    finally:
        await admin.close()
