"""What the consumer hands out, where it reads on, and what it forgets; the broker is a few numbers."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.engine import consumer as engine_consumer
from streams.engine.alignment import WINDOW_MS, Alignment
from streams.engine.consumer import MAX_BATCH, BatchConsumer, BatchSchema, RecordBatch
from streams.engine.tails import Mark
from tests.streams.engine.conftest import PLACE, batch

OTHER = TP("in", 1)


class Ended(BaseException):
    """Instead of the process."""


class Desk:
    """The consumer, what it handed out, and where it sought to."""

    def __init__(self, consumer: BatchConsumer) -> None:
        self.consumer = consumer
        self.handed: list[RecordBatch] = []
        self.sought: list[tuple[TP, int]] = []
        self.lost: dict[TP, int] = {}
        self.given_back: list[Any] = []
        consumer.app.tables.actives_ready = True

    async def hand_out(self, *offsets: int) -> list[list[int]]:
        """A fetch brought these; gives the offsets of the batches that were handed out."""
        self.handed.clear()
        records = [record(offset) for offset in offsets]
        found = {TopicPartition(*PLACE): records}
        await self.consumer._hand_out(found, {PLACE}, 1, lambda: False)
        return [[record.offset for record in batch.records] for batch in self.handed]

    async def seek(self, place: TP, offset: int) -> None:
        self.sought.append((place, offset))

    async def give_back(self, records: Any) -> None:
        self.given_back.append(records)

    async def callback(self, message: RecordBatch) -> None:
        self.handed.append(message)

    async def lost_tails(self, marks: dict[TP, Mark]) -> dict[TP, int]:
        return {place: offset for place, offset in self.lost.items() if place in marks}


def record(offset: int) -> Any:
    return SimpleNamespace(
        topic="in",
        partition=0,
        offset=offset,
        timestamp=offset,
        timestamp_type=0,
        key=b"k",
        value=b"v",
        headers=(),
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=1,
    )


@pytest.fixture
def desk(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(consumer)

    def fail_stop(cause: object) -> NoReturn:
        raise Ended(cause)

    monkeypatch.setattr(engine_consumer, "fail_stop", fail_stop)
    monkeypatch.setattr(consumer, "_is_source", lambda place: True)
    monkeypatch.setattr(consumer, "_seek", desk.seek)
    monkeypatch.setattr(consumer, "_lost_tails", desk.lost_tails)
    monkeypatch.setattr(consumer, "_give_back", desk.give_back)
    monkeypatch.setattr(consumer, "highwater", lambda place: 1_000)
    monkeypatch.setattr(consumer, "callback", desk.callback)
    return desk


async def test_all_records_of_a_poll_and_partition_are_one_batch(desk: Desk) -> None:
    assert await desk.hand_out(*range(100)) == [[*range(100)]]
    assert await desk.hand_out(*range(100, 101 + MAX_BATCH)) == [[*range(100, 100 + MAX_BATCH)], [100 + MAX_BATCH]]
    assert [each.follows for each in desk.handed] == [100, 100 + MAX_BATCH]


def test_faust_decodes_no_batch(consumer: BatchConsumer) -> None:
    message = SimpleNamespace(key=b"1", value=b"2")
    schema = BatchSchema()
    assert schema.loads_key(consumer.app, message, serializer="json") == b"1"
    assert schema.loads_value(consumer.app, message, serializer="json") == b"2"


def offsets_of(given_back: list[Any]) -> list[list[int]]:
    return [[record.offset for record in records] for fetched in given_back for records in fetched.values()]


async def test_what_comes_before_the_tables_are_recovered_is_fetched_again(desk: Desk) -> None:
    """Faust polls again before it says that it is ready: a quiet sensor's only record must not wait for its next."""
    desk.consumer.app.tables.actives_ready = False
    assert await desk.hand_out(0, 1) == []
    assert (desk.consumer.held_back, offsets_of(desk.given_back)) == (2, [[0, 1]])
    desk.consumer.app.tables.actives_ready = True
    assert await desk.hand_out(0, 1) == [[0, 1]]


async def test_what_a_partition_brought_that_was_paused_meanwhile_is_fetched_again(desk: Desk) -> None:
    found = {TopicPartition(*PLACE): [record(0), record(1)]}
    await desk.consumer._hand_out(found, {OTHER}, 1, lambda: False)
    assert (desk.handed, offsets_of(desk.given_back)) == ([], [[0, 1]])


async def test_a_gap_is_fetched_again_once_and_is_gone_from_the_log_if_it_is_still_there(desk: Desk) -> None:
    assert await desk.hand_out(0, 1) == [[0, 1]]
    assert await desk.hand_out(5, 6) == []
    assert (desk.sought, desk.consumer.rewinds) == ([(PLACE, 2)], 1)
    assert await desk.hand_out(5, 6) == [[5, 6]]
    assert (desk.handed[0].follows, desk.consumer.records_gone) == (2, 3)


async def test_what_was_handed_out_already_is_not_handed_out_again(desk: Desk) -> None:
    await desk.hand_out(0, 1, 2)
    assert await desk.hand_out(1, 2, 3) == [[3]]


async def test_a_fetch_from_the_logs_beginning_ends_the_worker_if_its_tail_is_lost(desk: Desk) -> None:
    await desk.hand_out(0, 1, 2)
    assert await desk.hand_out(0) == [], "the tail is there: an old fetch"
    desk.lost = {PLACE: 0}
    with pytest.raises(Ended, match="lost its tail"):
        await desk.hand_out(0)


async def test_what_was_fetched_before_a_rebalance_is_not_handed_out_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look fresh, and its partition may be another worker's."""
    consumer, fetcher = desk.consumer, SimpleNamespace(_stopped=asyncio.Event())

    async def fetch(timeout: float) -> tuple[dict[Any, Any], set[TP]]:  # noqa: ASYNC109  # as Faust's
        consumer.app.consumer_generation_id += 1
        fetcher._stopped.set()
        return {PLACE: [record(0)]}, {PLACE}

    monkeypatch.setattr(consumer, "_wait_next_records", fetch)
    await consumer._drain_messages(fetcher)
    assert desk.handed == []


async def test_a_poll_is_handed_out_as_far_as_the_others_have_come(desk: Desk) -> None:
    alignment = Alignment(lambda record: record.offset * WINDOW_MS // 2, lambda: 0.0)
    desk.consumer._alignments = {"in": alignment}
    desk.consumer._cursor = {PLACE: 0, OTHER: 0}
    desk.consumer._ends = {PLACE: 100, OTHER: 100}
    alignment.take(OTHER, [record(0)], {PLACE: 0, OTHER: 0}, desk.consumer._ends)
    assert await desk.hand_out(0, 1, 2, 3, 4) == [[0, 1, 2]]
    assert desk.sought == [(PLACE, 3)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[TP]]:
    """What the client is asked for."""
    asked = []

    async def getmany(self: Any, active: set[TP], timeout: float) -> dict[Any, Any]:  # noqa: ASYNC109  # as Faust's
        asked.append(active)
        return {}

    monkeypatch.setattr(driver.Consumer, "_getmany", getmany, raising=False)
    return asked


async def test_sources_are_not_fetched_before_the_tables_are_recovered(
    desk: Desk, asked: list[set[TP]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust resumes them before it has sought; what is fetched then would be given back, again and again."""
    monkeypatch.setattr(desk.consumer, "_is_source", lambda place: place == PLACE)
    desk.consumer.app.tables.actives_ready = False
    await desk.consumer._getmany({PLACE, OTHER}, 1.0)
    assert await desk.consumer._getmany({PLACE}, 1.0) == {}
    assert asked == [{OTHER}], "an empty set would mean all of them"
    desk.consumer.app.tables.actives_ready = True
    await desk.consumer._getmany({PLACE}, 1.0)
    assert asked == [{OTHER}, {PLACE}]


async def test_a_seek_is_done_in_the_clients_own_thread(consumer: BatchConsumer) -> None:
    """From another one it takes away what a fetch under way is about to read: KeyError, and the worker ends."""
    called: list[Any] = []

    async def call_thread(*call: Any) -> None:
        called.append(call)

    client = SimpleNamespace(seek=lambda *_: called.append("in Faust's thread"))
    consumer._thread = SimpleNamespace(  # type: ignore[assignment]  # connected to nothing
        call_thread=call_thread, _ensure_consumer=lambda: client, seek=client.seek
    )
    await consumer.seek(PLACE, 7)
    assert called == [(client.seek, PLACE, 7)]


async def test_partitions_that_are_ahead_are_not_fetched(desk: Desk, asked: list[set[TP]]) -> None:
    alignment = Alignment(lambda record: record.offset * WINDOW_MS, lambda: 0.0)
    desk.consumer._alignments = {"in": alignment}
    desk.consumer._cursor = {PLACE: 0, OTHER: 0}
    desk.consumer._ends = {PLACE: 100, OTHER: 100}
    alignment.take(OTHER, [record(0)], {}, {})
    alignment.take(PLACE, [record(9)], {}, {})
    await desk.consumer._getmany({PLACE, OTHER}, 1.0)
    assert asked == [{OTHER}]


@pytest.fixture
def assigned(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let Faust seek to a commit."""

    def committed(offset: int) -> None:
        async def perform_seek(self: BatchConsumer) -> None:
            self._read_offset[PLACE] = self._committed_offset[PLACE] = offset

        async def highwaters(*places: TP) -> dict[TP, int]:
            return dict.fromkeys(places, 1_000)

        monkeypatch.setattr(driver.Consumer, "perform_seek", perform_seek)
        monkeypatch.setattr(desk.consumer, "assignment", lambda: {PLACE})
        monkeypatch.setattr(desk.consumer, "highwaters", highwaters)

    return committed


async def test_it_reads_on_from_what_the_states_have_read(desk: Desk, assigned: Callable[[int], None]) -> None:
    """They are written before the commit, and a commit may be lost."""
    assigned(5)
    desk.consumer.app.watch_tail("in", lambda *_: None, lambda partition: Mark(8))
    await desk.consumer.perform_seek()
    assert (desk.sought, desk.consumer._cursor) == ([(PLACE, 8)], {PLACE: 8})


async def test_without_a_state_it_reads_on_from_the_commit(desk: Desk, assigned: Callable[[int], None]) -> None:
    assigned(5)
    desk.consumer.app.watch_tail("in", lambda *_: None, lambda partition: Mark())
    await desk.consumer.perform_seek()
    assert (desk.sought, desk.consumer._cursor) == ([], {PLACE: 5})
    assert desk.consumer.take(batch(5, 9))
    assert not desk.consumer.take(batch(12, 13))


async def test_where_a_tail_was_lost_it_is_told_and_the_commit_goes_back(
    desk: Desk, assigned: Callable[[int], None]
) -> None:
    """Faust commits nothing that lies behind a commit: until then a kill would bring the same again."""
    assigned(500)
    told: list[tuple[int, int, int]] = []
    desk.consumer.app.watch_tail("in", lambda *lost: told.append(lost), lambda partition: Mark(505))
    desk.lost = {PLACE: 7}
    await desk.consumer.perform_seek()
    assert told == [(0, 505, 7)]
    assert (desk.sought, desk.consumer._cursor) == ([(PLACE, 7)], {PLACE: 7})
    assert desk.consumer._committed_offset[PLACE] == 7


async def test_the_log_is_asked_for_the_record_read_last(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def lost_tails(servers: list[str], marks: dict[TP, Mark]) -> dict[TP, int]:
        asked.append((list(servers), marks))
        return {PLACE: 3}

    monkeypatch.setattr(engine_consumer, "lost_tails", lost_tails)
    marks = {PLACE: Mark(5, 1, 2)}
    assert await consumer._lost_tails(marks) == {PLACE: 3}
    assert asked == [(["127.0.0.1:1"], marks)]


async def test_a_rebalance_forgets_what_was_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker may go on with the partition: what was released then is not ours to commit."""

    async def on_partitions_revoked(self: Any, revoked: set[TP]) -> None:
        """Faust waits for what is in work, and commits."""

    monkeypatch.setattr(driver.Consumer, "on_partitions_revoked", on_partitions_revoked)
    consumer = desk.consumer
    consumer.take(batch(0, 9))
    consumer.release(batch(0, 9))
    await consumer.on_partitions_revoked({PLACE})
    assert consumer._new_offset(PLACE) is None
    assert not consumer.take(batch(10, 19)), "where it stands is for the next assignment to say"


async def test_an_assignment_and_each_answered_heartbeat_renew_the_lease(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    lease = desk.consumer.lease
    monkeypatch.setattr(lease, "_clock", lambda: now[0])

    async def heartbeat() -> bool:
        return True

    async def on_partitions_assigned(self: Any, assigned: set[TP], generation_id: int = 0) -> None:
        pass

    coordinator = SimpleNamespace(_do_heartbeat=heartbeat)
    client = SimpleNamespace(_coordinator=coordinator)
    monkeypatch.setattr(desk.consumer, "_thread", SimpleNamespace(_ensure_consumer=lambda: client))
    monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", on_partitions_assigned)
    for _ in range(2):
        now[0] += 1_000
        await desk.consumer.on_partitions_assigned({PLACE})
        assert not lease.has_run_out()
        now[0] += lease.seconds - 1
        await coordinator._do_heartbeat()
        now[0] += lease.seconds - 1
        assert not lease.has_run_out()
    now[0] += 2
    assert lease.has_run_out()
