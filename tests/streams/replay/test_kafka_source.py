"""The raw log on a real broker: read by time, in order of arrival, up to a snapshot."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from history.archive import Placed
from schemas.topics import RAW_FRAMES
from streams.replay.kafka_source import MARGIN_MS, KafkaSource, kafka_source
from streams.replay.source import LogForgot
from tests.streams.replay.logs import D0, HOUR, MINUTE, log, packets, publish

FOR_EVER = {"retention.ms": str(100 * 365 * 24 * HOUR)}
LOG = log((each.frame() for each in packets(D0, D0 + 6 * HOUR)), D0, D0 + 6 * HOUR)


@pytest.fixture
async def topic(kafka: str, topic_prefix: str) -> str:
    """A raw-frames topic of two partitions. The records are old: the default retention would delete them any moment."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(RAW_FRAMES.full_name(topic_prefix), 2, 1, topic_configs=FOR_EVER)])
    finally:
        await admin.close()
    return RAW_FRAMES.full_name(topic_prefix)


async def everything(source: KafkaSource) -> list[Placed]:
    return [each async for each in source.records()]


@pytest.mark.parametrize("span", [(0, D0 + 99 * HOUR), (D0 + HOUR, D0 + 4 * HOUR), (D0 + 1, D0 + 5 * MINUTE)])
async def test_the_records_that_arrived_in_a_span_come_in_order(kafka: str, topic: str, span: tuple[int, int]) -> None:
    await publish(kafka, topic, LOG)
    async with kafka_source(kafka, topic, *span) as source:
        assert await everything(source) == [each for each in LOG if span[0] <= each.received_at < span[1]]
        assert (source.partitions, source.cut, source.by_offset) == (2, set(), True)
        # it did not read the whole log for that
        assert source.total <= sum(each.received_at >= span[0] - MARGIN_MS for each in LOG)


async def test_what_was_written_later_than_it_arrived_is_found(kafka: str, topic: str) -> None:
    """The broker was away for three hours: so long the bridge held what it had received."""
    await publish(kafka, topic, LOG, delay=3 * HOUR)
    async with kafka_source(kafka, topic, D0 + HOUR, D0 + 2 * HOUR) as source:
        assert await everything(source) == [each for each in LOG if D0 + HOUR <= each.received_at < D0 + 2 * HOUR]


async def test_it_reads_up_to_where_the_log_ended_when_it_began(kafka: str, topic: str) -> None:
    await publish(kafka, topic, LOG[:100])
    async with kafka_source(kafka, topic, 0, D0 + 99 * HOUR) as source:
        await publish(kafka, topic, LOG[100:200])
        assert await everything(source) == LOG[:100]


async def test_a_partition_that_lies_back_holds_the_others_until_it_has_come(kafka: str, topic: str) -> None:
    one, other = ([each for each in LOG if each.record.partition == number] for number in (0, 1))
    await publish(kafka, topic, other)
    await publish(kafka, topic, one)
    async with kafka_source(kafka, topic, 0, D0 + 99 * HOUR) as source:
        assert await everything(source) == LOG


async def test_a_clock_that_was_set_back_keeps_each_partitions_order(kafka: str, topic: str) -> None:
    shuffled = [LOG[0], LOG[5]._replace(record=LOG[0].record), LOG[2]._replace(record=LOG[0].record)]
    times = [D0, D0 + 5 * MINUTE, D0 + MINUTE]
    records = [
        each._replace(
            received_at=at, record=each.record._replace(headers=[("received-at", b"%d" % at)], value=b"%d" % n)
        )
        for n, (each, at) in enumerate(zip(shuffled, times, strict=True))
    ]
    await publish(kafka, topic, records)
    async with kafka_source(kafka, topic, 0, D0 + 99 * HOUR) as source:
        assert [(each.record.value, each.offset) for each in await everything(source)] == [
            (b"0", 0),
            (b"1", 1),
            (b"2", 2),
        ]


def at(time: int, number: int) -> Placed:
    """A frame of the first partition that the bridge received then, by its clock."""
    raw = LOG[0].record._replace(value=b"%d" % number, headers=[("received-at", b"%d" % time)])
    return Placed(number, time, raw)


@pytest.mark.parametrize("ahead", [5 * MINUTE, 20 * 365 * 24 * HOUR])
async def test_what_arrived_after_the_clock_was_set_right_is_read_too(kafka: str, topic: str, ahead: int) -> None:
    """By the clock that was ahead the span was over: by a little, or by years, which have not come yet."""
    times = [D0, D0 + MINUTE, D0 + HOUR + ahead, D0 + 2 * MINUTE, D0 + 59 * MINUTE, D0 + 2 * HOUR, D0 + 3 * MINUTE]
    records = [at(time, number) for number, time in enumerate(times)]
    await publish(kafka, topic, records)
    async with kafka_source(kafka, topic, D0, D0 + HOUR) as source:
        assert [each.offset for each in await everything(source)] == [0, 1, 3, 4]
        assert source.through == D0 + HOUR


async def test_it_says_which_partitions_were_cut(kafka: str, topic: str) -> None:
    await publish(kafka, topic, LOG)
    kept = next(each for each in LOG if each.record.partition == 1 and each.received_at >= D0 + 2 * HOUR)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=kept.offset)})
    finally:
        await admin.close()
    for start, cut in ((D0, {1}), (D0 + 2 * HOUR - 1, {1}), (D0 + 2 * HOUR + 5 * MINUTE, set[int]())):
        async with kafka_source(kafka, topic, start, D0 + 99 * HOUR) as source:
            assert source.cut == cut
            found = await everything(source)
            assert found == [
                each
                for each in LOG
                if each.received_at >= start and (each.record.partition == 0 or each.offset >= kept.offset)
            ]


async def test_it_says_whether_the_log_began_before(kafka: str, topic: str) -> None:
    await publish(kafka, topic, LOG)
    for start, older in ((D0 - HOUR, False), (D0 + HOUR, True), (D0 + 99 * HOUR, True)):
        async with kafka_source(kafka, topic, start, D0 + 100 * HOUR) as source:
            assert source.older is older


async def test_it_says_how_far_the_log_has_come(kafka: str, topic: str) -> None:
    """As far as the partition that lies back; a span that the log has passed is over."""
    await publish(kafka, topic, [each for each in LOG if each.record.partition == 0])
    await publish(kafka, topic, [each for each in LOG if each.record.partition == 1 and each.received_at < D0 + HOUR])
    newest = max(each.received_at for each in LOG if each.record.partition == 1 and each.received_at < D0 + HOUR)
    for end, through in ((D0 + 99 * HOUR, newest), (D0 + 40 * MINUTE, D0 + 40 * MINUTE)):
        async with kafka_source(kafka, topic, D0, end) as source:
            await everything(source)
            assert source.through == through


async def test_an_empty_log_and_one_that_is_not_there(kafka: str, topic: str) -> None:
    async with kafka_source(kafka, topic, 0, D0) as source:
        assert await everything(source) == []
    with pytest.raises(LogForgot, match=r"topic nobody\.raw"):
        async with kafka_source(kafka, "nobody.raw", 0, D0):
            pass
