"""The way of a batch from its fold: outputs delivered, then states, then the release; or the end of the process."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP

from streams.engine import Output, States, Work
from streams.engine import stage as engine_stage
from streams.engine.stage import IN_FLIGHT
from tests.streams.engine.counting import Count, load
from tests.streams.lives import CHANGELOG, Broker, Life

SOURCE, EVEN, ODD, STATES = TP("in", 0), TP("out", 0), TP("out", 1), TP("n" + CHANGELOG, 0)

POSITION = b"position"


class Ended(BaseException):
    """Instead of the process."""


def fold(records: list[Any], states: States, partition: int) -> Work:
    """Counts, and writes even and odd offsets apart; its last state is how far it came."""
    work = Work()
    for record in records:
        if record.value == b"boom":
            raise ValueError("boom")
        state = states[record.key] = load(states.get(record.key))
        state.revision, state.count = state.revision + 1, state.count + 1
        work.outputs.append(Output("out", record.offset % 2, record.key, record.value))
        work.changed[record.key] = state.dump()
    work.changed[POSITION] = Count(100 + records[-1].offset).dump()
    return work


class Bench:
    """One life of the stage, and what it wrote."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.broker = loop, Broker(0)
        self.causes: list[object] = []
        self.sizes: list[int] = []  # of each fold, records
        for number in range(20):
            self.broker.write(Output("in", 0, b"k", b"%d" % number))
        self.life = self.begin()

    def begin(self) -> Life:
        def sized(records: list[Any], states: States, partition: int) -> Work:
            self.sizes.append(len(records))
            return fold(records, states, partition)

        return Life(self._loop, self.broker, "n", SOURCE, sized)

    @property
    def waiting(self) -> list[TP]:
        return sorted(self.life.producer.waiting)

    @property
    def counts(self) -> list[int]:
        """Of the key, in each of its states that were written."""
        return [load(record.value).count for record in self.broker.logs[STATES] if record.key == b"k"]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    loop = asyncio.new_event_loop()
    bench = Bench(loop)

    def fail_stop(cause: object) -> NoReturn:
        if not isinstance(cause, Ended):
            bench.causes.append(cause)
        raise Ended

    monkeypatch.setattr(engine_stage, "fail_stop", fail_stop)
    yield bench
    bench.life.end()
    loop.close()


def test_outputs_go_before_states_and_states_before_the_release(bench: Bench) -> None:
    bench.life.read(2)
    assert bench.waiting == [EVEN, ODD], "its states must not be there before its outputs"
    bench.life.deliver(0, 1)
    assert (bench.waiting, bench.life.released) == ([ODD], 0)
    bench.life.deliver(0, 1)
    assert (bench.waiting, bench.life.released) == ([STATES], 0)
    bench.life.deliver(0, 1)
    assert (bench.waiting, bench.life.released) == ([STATES], 0)
    bench.life.deliver(0, 1)
    assert (bench.waiting, bench.life.released) == ([], 2)


def test_batches_are_released_in_the_order_in_which_they_were_folded(bench: Bench) -> None:
    bench.life.read(1)
    bench.life.read(1)
    bench.life.deliver(1, 1)
    assert (bench.waiting, bench.life.released) == ([EVEN], 0), "the second is delivered, the first is not"
    bench.life.settle()
    assert bench.life.released == 2


def test_what_came_while_the_lane_was_full_goes_on_as_one(bench: Bench) -> None:
    """A poll may bring one record only: with two deliveries each, slow brokers would be too slow for ever."""
    for _ in range(10):
        bench.life.read(1)
    assert (bench.life.in_flight, bench.waiting) == (IN_FLIGHT, [EVEN, ODD])
    bench.life.settle()
    assert bench.counts == [1, IN_FLIGHT, 10], "the first alone, its followers' states in one go, the rest in one fold"
    assert bench.sizes == [*[1] * IN_FLIGHT, 10 - IN_FLIGHT]


def test_one_fold_takes_about_a_batch_at_most(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else goes on while a fold works."""
    monkeypatch.setattr(engine_stage, "MAX_BATCH", 6)
    for size in (*[1] * IN_FLIGHT, 5, 5, 5):
        bench.life.read(size)
    bench.life.settle()
    assert bench.sizes == [*[1] * IN_FLIGHT, 10, 5]


def test_a_batch_writes_its_states_as_they_were_at_its_fold(bench: Bench) -> None:
    """A later fold changes them in memory: they would be ahead of outputs that are not delivered."""
    bench.life.read(1)
    bench.life.read(1)
    bench.life.deliver(0, 1)
    bench.life.deliver(1, 1)
    bench.life.deliver(0, 1)
    assert bench.counts == [1]


def test_a_fold_that_fails_ends_the_worker(bench: Bench) -> None:
    """Memory is ahead of the log then: to go on would be to lose the batch."""
    bench.broker.logs[SOURCE][0].value = b"boom"
    with pytest.raises(Ended):
        bench.life.read(1)
    assert [str(cause) for cause in bench.causes] == ["boom"]


def test_a_delivery_that_fails_ends_the_worker_and_releases_nothing(bench: Bench) -> None:
    bench.life.read(1)
    with pytest.raises(Ended):
        bench.life.refuse(EVEN, ConnectionError("refused"))
    assert [str(cause) for cause in bench.causes] == ["refused"]
    assert (bench.life.released, bench.counts) == (0, [])


@pytest.mark.parametrize("delivered", [0, 1])
def test_without_a_lease_nothing_is_written(bench: Bench, delivered: int) -> None:
    """Neither outputs, nor states when it ran out while those were delivered."""
    life = bench.life
    if delivered:
        life.read(1)
    life.lease = SimpleNamespace(has_run_out=lambda: True)
    with pytest.raises(Ended):
        life.deliver(0, 1) if delivered else life.read(1)
    assert len(bench.causes) == 1
    assert bench.waiting == []
    assert len(bench.broker.logs[EVEN]) == delivered


def test_a_batch_that_was_moved_while_it_waited_is_not_folded(bench: Bench) -> None:
    bench.life.consumer_generation_id = 2
    bench.life.read(1)
    assert (bench.waiting, bench.life.in_flight) == ([], 0)


def test_what_precedes_a_batch_is_fetched_again_if_it_is_missing(bench: Bench) -> None:
    bench.life.position = 3
    bench.life.expected = 1
    bench.life.read(2)
    assert (bench.waiting, bench.life.position) == ([], 1)


def test_a_state_that_a_recovery_held_is_written_back_with_the_next_batch(bench: Bench) -> None:
    """Else compaction keeps what a zombie wrote, since that is the last of its key."""
    newer, stale = Count(7, 7).dump(), Count(5, 5).dump()
    for value in (newer, stale):
        bench.broker.write(Output(STATES.topic, 0, b"other", value))
    bench.life = bench.begin()
    bench.life.read(1)
    bench.life.settle()
    bench.broker.compact(*STATES)
    assert bench.begin().states[b"other"] == newer


def test_how_far_a_fold_came_is_written_last_also_if_an_older_word_of_it_is_to_be_overwritten(bench: Bench) -> None:
    """A kill between two states would leave it ahead of the others, and what they lack would not be read again."""
    for revision in (7, 5):
        bench.broker.write(Output(STATES.topic, 0, POSITION, Count(revision).dump()))
    bench.life = bench.begin()
    bench.life.read(1)
    bench.life.settle()
    assert [record.key for record in bench.broker.logs[STATES][2:]] == [b"k", POSITION]
