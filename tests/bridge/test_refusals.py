"""Records that Kafka refuses. Kafka refuses whole batches, so the stand-in does; all else is the real forwarder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from bridge.in_flight import Delivery, InFlight
from bridge.producer import Forwarder
from bridge.route import LAST_RESORT, MAX_PAYLOAD, Record, frame_record, refused, tick_record
from bridge.settings import BridgeSettings
from schemas.dead_letter import dead_letter_facts
from schemas.frame import Frame
from schemas.topics import DEAD_LETTERS
from tests.bridge.conftest import until


class Batch:
    """A builder of the client's, of any size."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(self, *, key: bytes, value: bytes, timestamp: None, headers: Any) -> bool:
        self.values.append(value)
        return True


class FakeKafka:
    """One partition a topic; refuses a batch with a value over `limit` whole."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.log: list[tuple[str, bytes]] = []
        self.producers = 0
        self.fail_next: Exception | None = None

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        error, self.fail_next = self.fail_next, None
        if any(len(value) > self.limit for value in batch.values):
            error = MessageSizeTooLargeError()
        if error:
            future.set_exception(error)
        else:
            self.log += [(topic, value) for value in batch.values]
            future.set_result(None)
        return future


class FakedForwarder(Forwarder):
    kafka: FakeKafka

    @contextlib.asynccontextmanager
    async def _producer(self) -> AsyncIterator[Any]:
        self.kafka.producers += 1
        yield self.kafka


def frame(payload: bytes, topic: str = "gw/events/rpc") -> Record:
    return frame_record(Frame(topic, payload, 1), "p.")


@pytest.fixture
async def forwarder() -> AsyncIterator[tuple[FakedForwarder, InFlight]]:
    in_flight = InFlight(100, 1 << 20)
    forwarder = FakedForwarder(BridgeSettings(topic_prefix="p."), in_flight)
    forwarder.kafka = FakeKafka(limit=100)
    task = asyncio.create_task(forwarder.run())
    yield forwarder, in_flight
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_one_refused_record_becomes_a_dead_letter_and_its_neighbours_pass(
    forwarder: tuple[FakedForwarder, InFlight],
) -> None:
    run, in_flight = forwarder
    run.kafka.limit = 50_000
    acked: list[bytes] = []
    values = [b"a", b"b" * 60_000, b"c"]
    for value in values:
        in_flight.add(Delivery(frame(value), ack=lambda value=value: acked.append(value)))  # type: ignore[misc]
    await until(lambda: len(acked) == 3)
    assert acked == values
    frames = [value for topic, value in run.kafka.log if topic == "p.raw-frames.v1"]
    letters = [value for topic, value in run.kafka.log if topic == DEAD_LETTERS.full_name("p.")]
    assert list(dict.fromkeys(frames)) == [b"a", b"c"]
    assert letters == [b"b" * LAST_RESORT]  # the full dead letter was refused as well


async def test_what_can_not_even_be_a_dead_letter_is_never_acked(
    forwarder: tuple[FakedForwarder, InFlight],
) -> None:
    run, in_flight = forwarder
    run.kafka.limit = 0
    acked: list[str] = []
    in_flight.add(Delivery(frame(b"x" * 2000), ack=lambda: acked.append("x")))
    await until(lambda: run.kafka.producers >= 4)
    assert acked == []
    assert "MessageSizeTooLarge" in (run.problem or "")
    run.kafka.limit = 10_000  # the broker's limit was raised
    await until(lambda: acked == ["x"])
    assert run.problem is None


async def test_a_fatal_error_means_a_new_producer_and_the_same_order(
    forwarder: tuple[FakedForwarder, InFlight],
) -> None:
    run, in_flight = forwarder
    run.kafka.fail_next = OutOfOrderSequenceNumber()
    acked: list[bytes] = []
    values = [b"%d" % n for n in range(20)]
    for value in values:
        in_flight.add(Delivery(frame(value), ack=lambda value=value: acked.append(value)))  # type: ignore[misc]
    await until(lambda: len(acked) == 20)
    assert run.kafka.producers == 2
    assert [value for _, value in run.kafka.log] == values == acked


def test_the_ladder_of_a_refused_record() -> None:
    """Dead letter with the first 64 KiB, then one of some KiB, then nothing."""
    record = frame(b"x" * 5000, topic="t" * 3000 + "/events/rpc")
    letter = refused(record, "p.", "TooLarge", 5)
    assert letter is not None
    assert (letter.key, letter.value, letter.reason) == (record.key, record.value, "undeliverable")
    facts = dead_letter_facts(letter.headers)
    assert (facts["reason"], facts["time"], facts["detail"]) == ("undeliverable", "5", "TooLarge")
    tiny = refused(letter, "p.", "TooLarge", 6)
    assert tiny is not None
    assert tiny.size() < 8 * LAST_RESORT
    assert refused(tiny, "p.", "TooLarge", 7) is None


def test_an_oversize_frame_keeps_its_reason_and_digest_when_refused() -> None:
    letter = refused(frame(b"x" * (MAX_PAYLOAD + 1)), "p.", "TooLarge", 5)
    assert letter is not None
    assert letter.reason == "too_large"
    assert dict(letter.headers)["length"] == b"65537"


def test_a_tick_has_no_dead_letter() -> None:
    assert refused(tick_record("p.", 1), "p.", "?", 2) is None
