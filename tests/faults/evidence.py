"""What a pipeline has made of a block: read from its topics and its store, as any other client would."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from history.store import HistoryReader
from schemas.aggregate import WIDTHS
from schemas.codec import decode_latest
from schemas.reading import Latest, Reading
from schemas.topics import LATEST, READINGS
from tests.faults.check import Verdict, judge_aggregates, judge_latest, judge_store, judge_topic
from tests.faults.ledger import Ledger
from tests.faults.subject import Subject

_ALWAYS = (0, 2**62)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look; topics from `since` on, unix milliseconds."""

    subject: Subject
    since: int = 0

    async def readings(self, ledger: Ledger, tolerance_ms: int) -> Verdict:
        """How the ledger's packets stand now, in the store, in readings and in latest."""
        verdict, sensors = Verdict(events=len(ledger)), sensors_of(ledger)
        async with self._history() as history:
            judge_store(verdict, ledger, await _readings(history, sensors), tolerance_ms)
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
        return verdict

    async def windows(self, ledger: Ledger) -> Verdict:
        """How the ledger's windows stand now, in the store."""
        verdict, sensors = Verdict(events=len(ledger)), sensors_of(ledger)
        async with self._history() as history:
            readings = await _readings(history, sensors)
            aggregates = [
                each
                for sensor in sensors
                for width in WIDTHS
                async for each in history.aggregates(sensor, width, *_ALWAYS)
            ]
        judge_aggregates(verdict, ledger, readings, aggregates)
        return verdict

    async def records(self, topic: str, keys: set[bytes] | None = None) -> list[tuple[bytes | None, bytes]]:
        """Key and value of all records that are in the topic now, of these keys alone if there are any."""
        consumer = AIOKafkaConsumer(
            self.subject.prefix + topic,
            bootstrap_servers=self.subject.kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        found = []
        try:
            places = consumer.assignment()
            ends = await consumer.end_offsets(places)
            for place, first in (await consumer.offsets_for_times(dict.fromkeys(places, self.since))).items():
                consumer.seek(place, first.offset if first else ends[place])
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

    @asynccontextmanager
    async def _history(self) -> AsyncIterator[HistoryReader]:
        """A client that lives as long as one look: each look has an event loop of its own."""
        history = self.subject.open_history()
        try:
            yield history
        finally:
            await history.close()


def sensors_of(ledger: Ledger) -> list[str]:
    """The ledger's sensors, each once."""
    return sorted({sensor for sensor, _ in ledger})


async def _readings(history: HistoryReader, sensors: Iterable[str]) -> list[Reading]:
    return [reading for sensor in sensors async for reading in history.readings(sensor, *_ALWAYS)]
