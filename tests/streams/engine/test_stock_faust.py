"""What stock Faust loses is not lost here: each test runs both, so a cure that Faust no longer needs is seen.

Stock Faust has lost a record when its offset is committed and nobody has handled it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from runtime.kafka import ensure_topics
from schemas.topics import Topic
from tests.streams.engine.conftest import TOPICS, read_all, until

Start = Callable[..., Any]


async def committed(broker: str, group: str, source: str, partition: int = 0) -> int:
    """The group's next offset, 0 if it never committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(source, partition)
        consumer.assign([place])
        return await consumer.committed(place) or 0
    finally:
        await consumer.stop()


class Pair:
    """The same topics' shape and records for both workers, and what came of them."""

    def __init__(self, broker: str, prefix: str, producer: AIOKafkaProducer, start: Start, folder: Path) -> None:
        self.broker, self.prefix, self._producer, self._start, self.folder = broker, prefix, producer, start, folder

    async def feed(self, *values: bytes, partition: int = 0) -> None:
        """One record each, in order; both workers read them, each in its own group."""
        for value in values:
            await self._producer.send_and_wait(self.prefix + "in", value, key=b"k", partition=partition)

    async def feed_neighbour(self) -> None:
        """A record for the other agent of the stock worker."""
        await self._producer.send_and_wait(self.prefix + "out", b"n", key=b"k", partition=0)

    def stock(self, case: str) -> Any:
        """Start stock Faust."""
        return self._start(self.broker, self.prefix, case, script="stock.py")

    def ours(self, **env: str) -> Any:
        """Start our counting worker."""
        return self._start(self.broker, self.prefix, **env)

    async def stock_commit(self) -> int:
        return await committed(self.broker, self.prefix + "stock", self.prefix + "in")

    async def stock_commits(self, offset: int) -> None:
        """Wait until stock Faust has committed so far."""

        async def has() -> bool:
            return await self.stock_commit() >= offset

        await until(has, 40)

    async def our_commit(self, partition: int = 0) -> int:
        return await committed(self.broker, self.prefix + "count", self.prefix + "in", partition)

    async def we_commit(self, offset: int, partition: int) -> None:
        """Wait until we have committed so far in the partition."""

        async def has() -> bool:
            return await self.our_commit(partition) >= offset

        await until(has, 40)

    async def written(self, topic: str, partition: int = 0) -> int:
        return len((await read_all(self.broker, self.prefix + topic))[partition])

    def handled(self, value: bytes) -> bool:
        """Whether stock Faust has handled it."""
        return f"done {value!r}\n" in (self.folder / "stock.log").read_text()

    async def says(self, words: str, log: str = "stock.log") -> None:
        """Wait until a worker has said so."""
        await until(lambda: words in (self.folder / log).read_text(), 40)


@pytest.fixture
async def pair(
    kafka: str, counting_topics: str, producer: AIOKafkaProducer, start_worker: Start, tmp_path: Path
) -> Pair:
    return Pair(kafka, counting_topics, producer, start_worker, tmp_path)


async def fails_and_commits_nothing(pair: Pair, worker: Any) -> None:
    await until(lambda: worker.poll() is not None, 40)
    assert worker.returncode == 70
    assert await pair.our_commit() == 0


@pytest.mark.parametrize("case", ["raise", "take", "noack"])
async def test_an_agent_that_raises_has_committed_its_event(case: str, pair: Pair) -> None:
    await pair.feed(b"0", b"1", b"boom")
    pair.stock(case)
    worker = pair.ours()
    if case != "raise":
        await pair.says("ValueError: boom")
    await pair.feed(b"3", b"4")
    await pair.stock_commits(4)
    assert pair.handled(b"0")
    assert not pair.handled(b"boom")
    await fails_and_commits_nothing(pair, worker)


async def left_the_group(pair: Pair) -> None:
    """Wait until stock Faust has stopped as far as it does."""
    await pair.says("Wait for streams...")
    await pair.says("LeaveGroup request succeeded")


async def test_a_crashing_supervisor_commits_the_failing_event_on_the_way_out(pair: Pair) -> None:
    await pair.feed(b"0", b"1", b"boom")
    worker = pair.ours()
    await fails_and_commits_nothing(pair, worker)
    for _ in range(8):  # the crash and the stop race each other in stock Faust: some runs end or hang uncommitted
        stock = pair.stock("crashing-supervisor")
        await left_the_group(pair)
        if await pair.stock_commit() == 3:
            break
        stock.kill()
        stock.wait()
        (pair.folder / "stock.log").unlink()
    assert await pair.stock_commit() == 3
    assert not pair.handled(b"boom")


async def test_a_value_that_does_not_decode_is_dropped(pair: Pair) -> None:
    await pair.feed(b'{"number"')
    pair.stock("undecodable")
    await pair.stock_commits(1)
    await fails_and_commits_nothing(pair, pair.ours())


async def test_a_value_that_does_not_decode_under_take_stands_still(pair: Pair) -> None:
    """The worker looks alive, since its other agent goes on; ours ends, so that somebody hears of it."""
    await pair.feed(b'{"number"', b'{"number": 1}', b'{"number": 2}')
    stock, worker = pair.stock("undecodable-take"), pair.ours()
    for commits in (1, 2):
        await pair.feed_neighbour()

        async def has_committed(commits: int = commits) -> bool:
            return await committed(pair.broker, pair.prefix + "stock", pair.prefix + "out") >= commits

        await until(has_committed, 40)
    assert stock.poll() is None
    assert "done" not in (pair.folder / "stock.log").read_text()
    await fails_and_commits_nothing(pair, worker)


async def test_a_commit_passes_an_event_that_is_still_in_work(pair: Pair) -> None:
    values = [b"%d" % number for number in range(6)]
    await pair.feed(*values)
    await pair.feed(b"1", partition=1)
    pair.stock("concurrency")
    await pair.says("in work")
    await pair.stock_commits(2)
    assert not pair.handled(b"0")
    pair.ours(COUNT_FAULT="never")
    await pair.says("in work", "worker.log")
    await pair.feed(b"6", b"7")
    await pair.we_commit(1, partition=1)

    async def later_ones_are_written() -> bool:
        return await pair.written("out") == 8

    await until(later_ones_are_written)
    await pair.feed(b"2", partition=1)
    await pair.we_commit(2, partition=1)
    assert await pair.our_commit() == 0


async def test_a_stop_commits_the_event_in_work(pair: Pair) -> None:
    await pair.feed(b"0")
    stock, worker = pair.stock("sigterm"), pair.ours(COUNT_FAULT="confirmed-at-stop")
    await pair.says("in work")
    await pair.says("in work", "worker.log")
    stock.terminate()
    worker.terminate()
    await until(lambda: stock.poll() is not None and worker.poll() is not None, 40)
    await pair.stock_commits(1)
    assert not pair.handled(b"0")
    assert await pair.written("count-n-changelog") == await pair.our_commit() == 1, "ours has waited for it"


async def test_a_retry_that_gives_up_at_the_stop_has_committed(pair: Pair) -> None:
    await pair.feed(b"0")
    stock, worker = pair.stock("gives-up"), pair.ours(COUNT_FAULT="refused-at-stop")
    await pair.says("in work")
    await pair.says("in work", "worker.log")
    stock.terminate()
    worker.terminate()
    await pair.stock_commits(1)
    await fails_and_commits_nothing(pair, worker)


class NarrowTopic(Topic):
    """A topic that refuses records of more than 1000 bytes."""

    def config(self, *, embedded: bool) -> dict[str, str]:
        return {"max.message.bytes": "1000"}


@pytest.mark.parametrize(("case", "narrow"), [("send", ["out"]), ("changelog", ["stock-n-changelog"])])
async def test_a_commit_passes_a_delivery_that_is_refused(
    case: str,
    narrow: list[str],
    kafka: str,
    topic_prefix: str,
    producer: AIOKafkaProducer,
    start_worker: Start,
    tmp_path: Path,
) -> None:
    narrow = [*narrow, "count-n-changelog"] if case == "changelog" else narrow
    topics = [*TOPICS, Topic("stock-n-changelog", "", "", "compact", None)]
    topics = [NarrowTopic(t.name, "", "", t.cleanup, None) if t.name in narrow else t for t in topics]
    await ensure_topics(kafka, topics, topic_prefix, embedded=True)
    pair = Pair(kafka, topic_prefix, producer, start_worker, tmp_path)
    await producer.send_and_wait(topic_prefix + "in", b"1", key=b"k" * 2_000, partition=0)
    pair.stock(case)
    await pair.stock_commits(1)
    written = await read_all(kafka, topic_prefix + narrow[0])
    assert not any(written)
    await fails_and_commits_nothing(pair, pair.ours())


async def test_a_commit_passes_a_state_that_is_still_in_memory(kafka: str, pair: Pair) -> None:
    await ensure_topics(kafka, [Topic("stock-n-changelog", "", "", "compact", None)], pair.prefix, embedded=True)
    await pair.feed(b"1")
    await pair.feed(b"1", partition=1)
    pair.stock("slow-producer")
    await pair.says("handing over")
    await pair.stock_commits(1)
    assert not any(await read_all(kafka, pair.prefix + "stock-n-changelog"))
    pair.ours(COUNT_FAULT="never-handed-over")
    await pair.we_commit(1, partition=1)
    await pair.feed(b"2", partition=1)
    await pair.we_commit(2, partition=1)
    assert await pair.our_commit() == 0
