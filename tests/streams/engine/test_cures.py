"""Each cure beside stock Faust: the first assertion of a pair is what stock does, the second what ours does."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.stores import memory
from faust.transport.drivers import aiokafka as stock
from faust.transport.producer import ProducerBuffer
from faust.types import TP

from runtime.kafka import ensure_topics
from schemas.topics import Topic
from streams.engine import Output, fail_stop
from streams.engine import store as engine_store
from streams.engine.consumer import BatchConsumer
from streams.engine.lease import Lease
from streams.engine.producer import WaitingBuffer
from streams.engine.store import FenceStore
from tests.streams.engine.conftest import PLACE, TOPICS, batch, read_all, until
from tests.streams.engine.counting import make_app
from tests.streams.engine.test_kills import committed


async def test_only_an_explicit_release_makes_a_batch_committable(consumer: BatchConsumer) -> None:
    first, second = batch(0, 9), batch(10, 19)
    assert consumer.take(first)
    assert consumer.take(second)
    consumer.ack(first)  # what Faust does when an agent raised, or when it skips
    assert consumer._new_offset(PLACE) is None
    consumer.release(second)
    assert consumer._new_offset(PLACE) is None, "the first batch is still unreleased"
    consumer.release(first)
    assert consumer._new_offset(PLACE) == 20


async def test_a_batch_of_an_older_generation_is_never_committable(consumer: BatchConsumer) -> None:
    old = batch(0, 9, generation=0)
    assert consumer.take(old)
    consumer.release(old)
    assert consumer._new_offset(PLACE) is None


async def test_a_batch_behind_a_hole_is_not_folded(consumer: BatchConsumer) -> None:
    assert consumer.take(batch(0, 9))
    assert not consumer.take(batch(20, 29)), "10 to 19 were dropped on the way"
    assert consumer.take(batch(10, 19))
    assert consumer.take(batch(20, 29))


async def test_a_batch_after_deleted_records_is_folded_when_the_log_really_begins_there(
    consumer: BatchConsumer,
) -> None:
    assert consumer.take(batch(100, 109, follows=0))


def changelog_event(topic: str, key: bytes, *values: bytes | None) -> Any:
    records = [SimpleNamespace(key=key, value=value) for value in values]
    message = SimpleNamespace(topic=topic, partition=0, records=records, value=values[-1])
    return SimpleNamespace(message=message, key=key, value=values[-1])


def value(revision: int, text: bytes) -> bytes:
    return revision.to_bytes(8, "big") + text


@pytest.fixture
def store() -> FenceStore:
    made = FenceStore.__new__(FenceStore)
    made.table = SimpleNamespace(changelog_topic_name="log")
    made.partitions, made.rewrites, made.recovered, made.refused = {}, {}, 0, 0
    return made


def test_a_zombies_late_write_does_not_win_the_recovery(store: FenceStore) -> None:
    stock_store = memory.Store.__new__(memory.Store)
    stock_store.data, stock_store._key_partition = {}, {}
    for written in (value(7, b"newer"), value(5, b"zombie")):
        stock_store.apply_changelog_batch([changelog_event("log", b"k", written)], lambda key: key, lambda got: got)
        store.apply_changelog_batch([changelog_event("log", b"k", written)], lambda key: key, lambda got: got)
    assert stock_store.data[b"k"] == value(5, b"zombie")
    assert store.states(0)[b"k"] == value(7, b"newer")
    assert store.rewrites == {0: {b"k": value(7, b"newer")}}, "compaction keeps the last: it must be written back"
    assert store.refused == 1


def test_a_record_of_another_tables_changelog_is_ignored(store: FenceStore) -> None:
    store.apply_changelog_batch([changelog_event("other", b"k", value(1, b""))], lambda key: key, lambda got: got)
    assert len(store) == 0


def test_a_deleted_key_is_gone_after_recovery(store: FenceStore) -> None:
    event = changelog_event("log", b"k", value(1, b"a"), None)
    store.apply_changelog_batch([event], lambda key: key, lambda got: got)
    assert b"k" not in store.states(0)


def test_a_changelog_that_cannot_be_read_ends_the_worker(store: FenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's recovery would log it and go on without the state."""
    causes: list[object] = []
    monkeypatch.setattr(engine_store, "fail_stop", causes.append)

    def damaged() -> Iterator[Any]:
        raise ValueError("damaged")
        yield

    event = changelog_event("log", b"k", value(1, b"a"))
    event.message.records = damaged()
    store.apply_changelog_batch([event], lambda key: key, lambda got: got)
    assert [str(cause) for cause in causes] == ["damaged"]


async def test_a_rebalance_forgets_all_states_and_reads_the_whole_changelog_again() -> None:
    """Memory may be ahead of the log, or behind what another worker wrote."""
    app = make_app("127.0.0.1:1", "unit.")
    app.finalize()
    (table,) = app.tables.values()
    changelog = TP(table.changelog_topic_name, 0)
    event = changelog_event(changelog.topic, b"k", value(1, b"a"))
    event.message.offset = 0
    table.data.apply_changelog_batch([event], lambda key: key, lambda got: got)
    assert table.data.states(0) == {b"k": value(1, b"a")}
    table.data.rewrites[0] = {b"k": value(1, b"a")}
    await table.on_rebalance({changelog}, set(), set(), 2)
    assert (len(table.data), table.data.rewrites) == (0, {})
    assert table.persisted_offset(changelog) == -1


class SlowChannel:
    """Takes half a second to hand a message to Kafka, as a slow leader does."""

    def __init__(self) -> None:
        self.handed_over = 0

    async def publish_message(self, message: Any, wait: bool = False) -> None:
        await asyncio.sleep(0.5)
        self.handed_over += 1


@pytest.mark.parametrize(("kind", "handed_over"), [(ProducerBuffer, 0), (WaitingBuffer, 1)])
async def test_a_flush_waits_until_all_is_handed_over(kind: type[ProducerBuffer], handed_over: int) -> None:
    buffer, channel = kind(), SlowChannel()
    buffer.app = SimpleNamespace(conf=SimpleNamespace(producer_threaded=False))  # type: ignore[assignment]
    async with buffer:
        buffer.put(SimpleNamespace(message=SimpleNamespace(channel=channel)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await buffer.flush()
        assert channel.handed_over == handed_over


async def test_the_producer_is_idempotent(kafka: str, counting_topics: str) -> None:
    app = make_app(kafka, counting_topics)
    app.finalize()
    assert not stock.Producer(app.transport)._settings_extra()
    async with app.producer as producer:
        assert producer._producer._txn_manager is not None


async def test_outputs_arrive_in_order_in_their_partition(kafka: str, counting_topics: str) -> None:
    app = make_app(kafka, counting_topics, producer_max_batch_size=2_000)
    app.finalize()
    out = counting_topics + "out"
    async with app.producer as producer:
        outputs = [Output(out, number % 2, b"k", b"%d" % number, (("h", b"v"),)) for number in range(1_000)]
        futures = producer.send_outputs(outputs)
        await asyncio.gather(*futures)
        large = Output(out, 2, b"k", b"x" * 10_000)
        await asyncio.gather(*producer.send_outputs([large, large]))
    assert len(futures) > 2, "several batches"
    even, odd, alone, _ = await read_all(kafka, out)
    assert [record.value for record in even] == [b"%d" % number for number in range(0, 1_000, 2)]  # type: ignore[attr-defined]
    assert [record.value for record in odd] == [b"%d" % number for number in range(1, 1_000, 2)]  # type: ignore[attr-defined]
    assert [record.value for record in alone] == [large.value, large.value]  # type: ignore[attr-defined]
    assert even[0].headers == (("h", b"v"),)  # type: ignore[attr-defined]


class NarrowTopic(Topic):
    """A topic that refuses records of more than 1000 bytes."""

    def config(self, *, embedded: bool) -> dict[str, str]:
        return {"max.message.bytes": "1000"}


@pytest.mark.parametrize("narrow", ["out", "count-n-changelog"])
async def test_a_delivery_that_is_refused_ends_the_worker_and_commits_nothing(
    narrow: str, kafka: str, topic_prefix: str, producer: AIOKafkaProducer, start_worker: Callable[..., Any]
) -> None:
    topics = [NarrowTopic(t.name, "", "", t.cleanup, None) if t.name == narrow else t for t in TOPICS]
    await ensure_topics(kafka, topics, topic_prefix, embedded=True)
    await producer.send_and_wait(topic_prefix + "in", b"1", key=b"k" * 2_000, partition=0)
    worker = start_worker(kafka, topic_prefix)
    await until(lambda: worker.poll() is not None, 40)
    assert worker.returncode == 70
    assert await committed(kafka, topic_prefix) == 0


async def test_a_log_that_lost_its_tail_goes_on_at_its_end(
    kafka: str, counting_topics: str, producer: AIOKafkaProducer, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    """Stock Faust waits for offsets above its commit, and drops everything that comes until then."""
    source, place = counting_topics + "in", TopicPartition(counting_topics + "in", 0)
    await producer.send_and_wait(source, b"1", key=b"k", partition=0)
    group = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=counting_topics + "count", enable_auto_commit=False)
    await group.start()
    group.assign([place])
    await group.commit({place: 1_000})
    await group.stop()
    start_worker(kafka, counting_topics)
    log = tmp_path / "worker.log"
    await until(lambda: "Worker ready" in log.read_text(), 30)
    await producer.send_and_wait(source, b"2", key=b"k", partition=0)

    async def is_counted() -> bool:
        return [r.value for r in (await read_all(kafka, counting_topics + "out"))[0]] == [b"0:1"]  # type: ignore[attr-defined]

    await until(is_counted, 30)


def test_fail_stop_says_why_and_exits_with_its_own_code(capfd: pytest.CaptureFixture[str]) -> None:
    child = os.fork()
    if child == 0:
        fail_stop("delivery failed")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 70
    assert "delivery failed" in capfd.readouterr().err


async def test_a_lease_runs_out_unless_a_heartbeat_renews_it() -> None:
    now = [0.0]
    lease = Lease(10, clock=lambda: now[0])
    answers = [True, False]

    async def heartbeat() -> bool:
        now[0] += 1  # the answer takes a second; the lease counts from when it was sent
        return answers.pop(0)

    now[0] = 9
    assert not lease.has_run_out()
    await lease.watch(heartbeat)()
    now[0] = 19
    assert not lease.has_run_out()
    await lease.watch(heartbeat)()
    assert lease.has_run_out(), "a heartbeat that failed renews nothing"
