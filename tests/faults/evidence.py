"""What a pipeline has made of a block: read from its topics and its store, as any other client would."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from history.store import HistoryReader
from schemas.aggregate import WIDTHS, Aggregate
from schemas.codec import decode_latest
from schemas.reading import Latest, Reading
from schemas.topics import LATEST, READINGS
from tests.faults.check import Verdict, judge_aggregates, judge_latest, judge_store, judge_topic
from tests.faults.ledger import Ledger
from tests.faults.pipeline import Pipeline

_ALWAYS = (0, 2**62)
_ASK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look: the broker, the topics' prefix and the store."""

    broker: str
    prefix: str
    history: HistoryReader

    async def verdict(self, ledger: Ledger, *, tolerance_ms: int = 1000, aggregates: bool = True) -> Verdict:
        """How the ledger's packets stand now; the topics are read whole."""
        sensors = {sensor for sensor, _ in ledger}
        verdict = Verdict(events=len(ledger))
        readings = [reading async for reading in self._readings(sensors)]
        judge_store(verdict, ledger, readings, tolerance_ms)
        if verdict.missing and not verdict.wrong:
            return verdict  # it is on its way, or lost: there is nothing to gain from reading more
        keys = {sensor.encode() for sensor in sensors}
        judge_topic(verdict, ledger, [value for _, value in await self.records(READINGS.name, keys)])
        latest: dict[str, Latest] = {}
        for _, value in await self.records(LATEST.name, keys):
            said = decode_latest(value)
            if said.sensor not in latest or latest[said.sensor].revision < said.revision:
                latest[said.sensor] = said
        judge_latest(verdict, ledger, latest)
        if aggregates:
            judge_aggregates(verdict, ledger, readings, [each async for each in self._aggregates(sensors)])
        return verdict

    def settled(self, pipeline: Pipeline, ledger: Ledger, *, seconds: float = 90, tolerance_ms: int = 1000) -> Verdict:
        """The verdict once it is clean, or the last one when it is not in time. The pipeline is tended meanwhile."""
        deadline = time.monotonic() + seconds
        aggregates = False  # they are published last, and take the longest to read
        while True:
            pipeline.tend()
            verdict = asyncio.run(self.verdict(ledger, tolerance_ms=tolerance_ms, aggregates=aggregates))
            if verdict.clean and not aggregates:
                aggregates = True
            elif verdict.clean or time.monotonic() > deadline:
                return verdict
            else:
                time.sleep(_ASK_EVERY)

    async def records(self, topic: str, keys: set[bytes] | None = None) -> list[tuple[bytes | None, bytes]]:
        """Key and value of all records that are in the topic now, of these keys alone if there are any."""
        consumer = AIOKafkaConsumer(
            self.prefix + topic, bootstrap_servers=self.broker, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        found = []
        try:
            places = consumer.assignment()
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        (record.key, record.value)
                        for record in records
                        if record.value is not None and (keys is None or record.key in keys)
                    ]
        finally:
            await consumer.stop()
        return found

    async def _readings(self, sensors: Iterable[str]) -> AsyncIterator[Reading]:
        for sensor in sorted(sensors):
            async for reading in self.history.readings(sensor, *_ALWAYS):
                yield reading

    async def _aggregates(self, sensors: Iterable[str]) -> AsyncIterator[Aggregate]:
        for sensor in sorted(sensors):
            for width in WIDTHS:
                async for aggregate in self.history.aggregates(sensor, width, *_ALWAYS):
                    yield aggregate
