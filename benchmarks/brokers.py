"""The brokers that a part may run on, each on a core of its own, away from who is measured."""

import asyncio
import getpass
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.child import SERVING, Absent, pinned, serving
from cli.embedded import kafka_command
from tests.conftest import find_free_port

Broker = Callable[[Path], AbstractContextManager[str]]
# as many unacknowledged messages as the subscriber wants
_MOSQUITTO = """
user {user}
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 0
max_queued_messages 0
"""


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """noida-db, host:port; it holds its topics in memory and writes one file."""
    data, port = folder / "noida", find_free_port()
    data.mkdir()
    with serving(kafka_command(port, data), port, folder / "noida.log") as address:
        yield address


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """Apache Kafka, one node in KRaft mode, host:port. Raises Absent if it is not here."""
    from tests.faults.broker import JARS, Cluster

    if not (JARS / ".complete").exists():
        raise Absent("no Kafka broker here: bash scripts/kafka.sh")
    cluster = Cluster(folder)
    try:
        with pinned(SERVING):
            cluster.start()
        yield cluster.direct
    finally:
        cluster.stop()


@contextmanager
def mosquitto(folder: Path) -> Iterator[str]:
    """The MQTT broker, host:port. Raises Absent if it is not here."""
    program, port, config = "/usr/sbin/mosquitto", find_free_port(), folder / "mosquitto.conf"
    if not Path(program).exists():
        raise Absent("no mosquitto here: bash scripts/debian.sh")
    config.write_text(_MOSQUITTO.format(user=getpass.getuser(), port=port))
    with serving([program, "-c", str(config)], port, folder / "mosquitto.log") as address:
        yield address


BROKERS: dict[str, Broker] = {"noida-db": embedded, "Apache Kafka": kafka}


def count_records(broker: str, topic: str, partitions: int) -> int:
    """How many records a topic holds that nobody deletes from."""

    async def count() -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            return sum(ends[place] - begins[place] for place in places)
        finally:
            await consumer.stop()

    return asyncio.run(count())


def delete_topics(broker: str, prefix: str) -> None:
    """All topics of a run that is over: the next one must not pay for them."""

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        try:
            await admin.delete_topics([name for name in await admin.list_topics() if prefix in name])
        finally:
            await admin.close()

    asyncio.run(delete())
