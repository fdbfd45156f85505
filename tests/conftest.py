"""Real brokers for the whole run, ports of its own; they die with the run, even when it is killed."""

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cli.child import spawn
from cli.embedded import kafka_command, mqtt_command, mqtt_config, wait_until_accepts
from schemas.topics import TOPICS, Topic

HERE = Path(__file__).parent
# Where several processes share the suite, file by file, these go first: none should be begun when the others are done.
LONGEST = [
    HERE / f"{name}.py"
    for name in (
        "cli/test_generation_switch",
        "shelly/test_gateway_check",
        "cli/test_archive",
        "streams/engine/test_stock_faust",
        "cli/test_sensor_registry",
        "cli/test_archive_kafka",
        "streams/engine/test_mutations",
        "streams/test_worker_kills",
        "cli/test_replay",
        "api/test_schemathesis",
        "streams/replay/test_rebuild",
        "test_generations",
        "page/test_board",
        "page/test_looks",
        "streams/engine/test_kills",
        "benchmarks/test_parts",
        "test_all_adapters",
        "test_truth",
        "streams/test_machine",
        "streams/test_chain_machine",
        "streams/test_hostile",
    )
]

# how long an example takes says how busy the machine is
settings.register_profile("unhurried", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("unhurried")

_counter = itertools.count(1)
# Below what the kernel gives to outgoing connections, or one of those takes a port between its choice and its use.
_FIRST, _STRETCH, _STRETCHES = 20_000, 500, 25


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        rank = {path: number for number, path in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(item.path, len(rank)))


@cache
def _ports(process: int) -> Iterator[int]:
    """The ports of a stretch that is this process's as long as it lives, whatever else is tested on this machine.

    A port that is free for a moment, while a broker is dead, is nobody else's either.
    """
    for number in range(_STRETCHES):
        with suppress(OSError):  # somebody else's
            lock = os.open(Path(tempfile.gettempdir()) / f"bluflow-ports-{number}", os.O_RDONLY | os.O_CREAT)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                raise
            return itertools.cycle(range(_FIRST + number * _STRETCH, _FIRST + (number + 1) * _STRETCH))
    raise AssertionError(f"{_STRETCHES} processes test on this machine already")


def find_free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    for port in itertools.islice(_ports(os.getpid()), _STRETCH):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"every one of {_STRETCH} ports is taken")


@pytest.fixture
def free_port() -> Callable[[], int]:
    return find_free_port


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test uses: every test has its own topics, groups and client ids."""
    return f"t{os.getpid()}-{next(_counter)}."


@contextmanager
def serving(command: list[str], port: int, log: Path) -> Iterator[str]:
    """A broker's process while the context lasts; gives host:port once it accepts connections."""
    address = f"127.0.0.1:{port}"
    with log.open("wb") as file:
        child = spawn(command, stdout=file, stderr=file)
    try:
        wait_until_accepts(address)
        yield address
    finally:
        child.kill()
        child.wait()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Kafka-protocol broker (noida-db), host:port."""
    folder, port = tmp_path_factory.mktemp("kafka"), find_free_port()
    with serving(kafka_command(port, folder), port, folder / "log") as address:
        yield address


@pytest.fixture(scope="session")
def mqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MQTT broker (rumqttd), host:port."""
    folder, port = tmp_path_factory.mktemp("mqtt"), find_free_port()
    config = folder / "mqtt.toml"
    config.write_text(mqtt_config("127.0.0.1", port))
    with serving(mqtt_command(config), port, folder / "log") as address:
        yield address


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> AsyncIterator[str]:
    """Every bluflow topic under this test's own prefix; gives the prefix. Changelog names carry the prefix too."""
    async with topics_while(kafka, TOPICS, topic_prefix):
        yield topic_prefix


@asynccontextmanager
async def topics_while(broker: str, topics: Sequence[Topic], prefix: str) -> AsyncIterator[None]:
    """The topics, and all else that begins so, while the context lasts: what is left there, the embedded broker would
    write to its file once a second until the run ends.
    """
    from aiokafka.admin import AIOKafkaAdminClient

    from runtime.kafka import ensure_topics

    await ensure_topics(broker, topics, prefix, embedded=True)
    yield
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def data() -> Path:
    """Frames and vectors as real gateways and sensors send them."""
    return HERE / "data"
