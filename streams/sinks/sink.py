"""The loop that all sinks share: take a batch, store it, commit it. Nothing is committed that is not stored."""

import asyncio
import contextlib
import itertools
import time
from typing import Generic, TypeVar

from aiokafka.errors import KafkaError

from history.store import StoreUnavailable
from runtime.logs import origin
from schemas.topics import DEAD_LETTERS
from streams.sinks import metrics
from streams.sinks.condition import Condition, log
from streams.sinks.consumer import Batch, Member, NoPlace
from streams.sinks.dead_letters import DeadLetter, deliver
from streams.sinks.settings import SinkSettings
from streams.sinks.target import Target, Undecodable, write_all_but_rejected

Item = TypeVar("Item")


class Sink(Generic[Item]):
    """One target fed from its topic. An outage of the store or of Kafka is waited out; a bug is raised."""

    def __init__(self, target: Target[Item], settings: SinkSettings) -> None:
        self._target = target
        self._settings = settings
        self._kafka = Condition(f"{target.name}: Kafka at {settings.broker}", problem=f"{target.name}: not started yet")
        self._store = Condition(f"{target.name}: store")
        self._generation = Condition(f"{target.name}: generation {settings.generation}")
        upkeep = f"{target.name}: upkeep of the store"
        self._upkeep = Condition(upkeep, problem=f"{upkeep}: not looked yet whether it is there")
        # Held from the first write of a batch to its commit: whoever holds it may cancel us without leaving a half.
        self._in_hand = asyncio.Lock()
        metrics.FAILING.labels(target.name).set_function(lambda: self.problem is not None)

    @property
    def problem(self) -> str | None:
        """What keeps this sink from working, None if nothing does."""
        return self._kafka.problem or self._generation.problem or self._store.problem or self._upkeep.problem

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish the batch in hand, commit it and leave."""
        working = asyncio.create_task(self._work(), name=self._target.name)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                with contextlib.suppress(TimeoutError):  # what is not committed by then is read again at the next start
                    await asyncio.wait_for(self._in_hand.acquire(), self._settings.stop_seconds)
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.wait({working, stopping})
            await self._target.close()
        if not working.cancelled():
            working.result()

    async def _work(self) -> None:
        while True:
            try:
                async with Member(self._target.name, self._target.topic, self._settings, self._kafka) as member:
                    await self._consume(member)
            except (KafkaError, OSError, TimeoutError) as error:
                delay = self._kafka.fails(f"{type(error).__name__} {error}".strip())
            except NoPlace as error:
                delay = self._generation.fails(str(error))
            await asyncio.sleep(delay)

    async def _consume(self, member: Member) -> None:
        while True:
            batch = await member.gather()
            self._generation.works()
            try:
                if batch:
                    async with self._in_hand:
                        await self._handle(batch)
                        await member.commit(batch)
                    self._store.works()
            except StoreUnavailable as error:
                metrics.RETRIES.labels(self._target.name).inc()
                member.give_back(batch)
                await member.stay(max(self._store.fails(str(error)), error.retry_after))
            else:
                await self._tidy()

    async def _tidy(self) -> None:
        """Upkeep that fails is said, and holds nothing up: what can be written is."""
        try:
            if await self._target.tidy():
                self._upkeep.works()
        except StoreUnavailable as error:
            self._upkeep.fails(str(error))

    async def _handle(self, batch: Batch) -> None:
        """Every record of the batch is stored, or a dead letter, or not for this store. Raises StoreUnavailable.

        Dead letters go last: a batch that comes again after an outage has not sent any.
        """
        name = self._target.name
        taken, letters = [], []
        for record in itertools.chain.from_iterable(batch.values()):
            try:
                item = self._target.decode(record)
            except Undecodable as error:
                letters.append(DeadLetter(record, "undecodable", str(error)))
            else:
                if item is not None:
                    taken.append((record, item))
        if taken:
            rejected = await write_all_but_rejected(self._target.write, [item for _, item in taken])
            letters += [DeadLetter(taken[index][0], "rejected", why) for index, why in rejected]
            metrics.WRITTEN.labels(name).inc(len(taken) - len(rejected))
            metrics.LAST_WRITE.labels(name).set(time.time())
        if letters:
            settings = self._settings
            await deliver(settings.broker, settings.topic(DEAD_LETTERS), name, letters, settings.generation)
            for letter in letters:
                metrics.DEAD_LETTERS.labels(name, letter.reason).inc()
            first = letters[0].record
            log.warning(
                "%s: %d dead letters, the first: %s",
                name,
                len(letters),
                letters[0].detail,
                extra={"origin": origin(first.topic, first.partition, first.offset)},
            )
        metrics.BATCH.labels(name).observe(sum(map(len, batch.values())))
