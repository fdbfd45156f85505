"""Apache Kafka in KRaft mode, one node or three, each broker and controller at once; everything dies with the test.

Every node has two listeners for clients: `direct`, and `proxied`, which is advertised as a port of `proxy.Proxy`, so
that whoever bootstraps there goes through the proxy for ever. The brokers among themselves speak directly.
"""

import asyncio
import dataclasses
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from cli.child import spawn
from runtime.kafka import ensure_topics
from schemas.topics import TOPICS
from tests.conftest import find_free_port
from tests.faults.proxy import Proxy
from tests.polling import until

ROOT = Path(__file__).parents[2]
JARS = ROOT / ".build" / "kafka"
PARTITIONS = 6
_FULL = 64 * 1024  # bytes
_ASK_EVERY = 0.25  # seconds: each question is a client of its own, and what starts needs the processor more
_CLUSTER_ID = "Ymx1Zmxvdy1mYXVsdHMtMQ"
# small, quick to start, and no more threads than a test machine has use for
_JAVA = [
    "java",
    "-Xms64m",
    "-Xmx320m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.apache.logging.log4j.level=WARN",
]


class Node:
    """One broker: its ports, its folder, its process."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number, self.folder = number, folder
        self.direct, self.proxied, self.controller, self.advertised = (find_free_port() for _ in range(4))
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Beside the proxy."""
        return f"127.0.0.1:{self.direct}"

    def write(self, voters: str, settings: Mapping[str, str]) -> None:
        """Its configuration, and the mark of a formatted log folder (what `kafka-storage format` would write)."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        (logs / "meta.properties").write_text(f"version=1\ncluster.id={_CLUSTER_ID}\nnode.id={self.number}\n")
        own = {
            "process.roles": "broker,controller",
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            "listeners": f"DIRECT://{self.address},PROXIED://127.0.0.1:{self.proxied},"
            f"CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"DIRECT://{self.address},PROXIED://127.0.0.1:{self.advertised}",
            "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "DIRECT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(logs),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "offsets.topic.num.partitions": "6",
            # the threads and buffers of a machine with two cores
            "num.network.threads": "1",
            "num.io.threads": "2",
            "background.threads": "1",
            "log.cleaner.dedupe.buffer.size": "4194304",
            "log.cleaner.io.buffer.size": "65536",
            "transaction.state.log.num.partitions": "1",
            "metadata.max.idle.interval.ms": "5000",
            # a dead broker is noticed as on a cluster of real machines, only sooner
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
        }
        text = "".join(f"{key}={value}\n" for key, value in {**own, **settings}.items())
        (self.folder / "server.properties").write_text(text)

    def start(self) -> None:
        """Start the process; returns at once."""
        with (self.folder / "log").open("ab") as log:
            command = [*_JAVA, "-cp", f"{JARS}/*", "kafka.Kafka", str(self.folder / "server.properties")]
            self.child = spawn(command, stdout=log, stderr=log, cwd=str(self.folder))

    def fill_disk(self) -> None:
        """Let no file of the process grow beyond what a log has soon, as a full disk does, without one of our own."""
        assert self.child is not None
        process = psutil.Process(self.child.pid)
        process.rlimit(resource.RLIMIT_FSIZE, (_FULL, process.rlimit(resource.RLIMIT_FSIZE)[1]))

    def signal(self, number: signal.Signals) -> None:
        """To the process, which must run."""
        assert self.child is not None
        self.child.send_signal(number)

    @property
    def ended(self) -> bool:
        """Whether the process has ended by itself; it is forgotten then."""
        if self.child is not None and self.child.poll() is not None:
            self.child = None
        return self.child is None

    def wait(self) -> None:
        """Until the process has ended."""
        if self.child is not None:
            self.child.wait(60)
            self.child = None


class Cluster:
    """The nodes, numbered from 1, and what is asked of them."""

    def __init__(self, folder: Path, nodes: int = 1, settings: Mapping[str, str] | None = None) -> None:
        if not (JARS / ".complete").exists():
            pytest.fail("no Kafka broker here: bash scripts/kafka.sh", pytrace=False)
        self.nodes = {number: Node(number, folder / f"kafka-{number}") for number in range(1, nodes + 1)}
        copies = {
            "offsets.topic.replication.factor": str(nodes),
            "default.replication.factor": str(nodes),
            "transaction.state.log.replication.factor": str(nodes),
            "min.insync.replicas": "2" if nodes > 2 else "1",
        }
        voters = ",".join(f"{node.number}@127.0.0.1:{node.controller}" for node in self.nodes.values())
        for node in self.nodes.values():
            node.write(voters, {**copies, **(settings or {})})
        self.proxy = Proxy(folder / "proxy-log", {node.advertised: node.proxied for node in self.nodes.values()})

    @property
    def direct(self) -> str:
        """Bootstrap addresses beside the proxy."""
        return ",".join(node.address for node in self.nodes.values())

    @property
    def proxied(self) -> str:
        """Bootstrap addresses through the proxy."""
        return ",".join(f"127.0.0.1:{node.advertised}" for node in self.nodes.values())

    def start(self) -> None:
        """Return once every node is a member and topics can be made."""
        self.proxy.start()
        for node in self.nodes.values():
            node.start()
        self.wait(60)

    def stop(self) -> None:
        """Everything, at once."""
        for node in self.nodes.values():
            if node.child is not None:
                node.child.kill()
                node.wait()
        self.proxy.stop()

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self.nodes[number].signal(signal.SIGKILL)
        self.nodes[number].wait()

    def term(self, number: int) -> None:
        """SIGTERM; returns when it has ended."""
        self.nodes[number].signal(signal.SIGTERM)
        self.nodes[number].wait()

    def revive(self, number: int) -> None:
        """Start a node again; returns once it is a member."""
        self.nodes[number].start()
        self.wait(60)

    def wait(self, seconds: float) -> None:
        """Until every node that runs is a member of the cluster, as the cluster sees it."""
        running = {node.number for node in self.nodes.values() if node.child is not None}
        until(lambda: running <= self.members(), seconds, f"Kafka nodes {sorted(running)}", every=_ASK_EVERY)

    def members(self) -> set[int]:
        """The nodes that the cluster counts among itself."""

        async def ask(admin: Any) -> set[int]:
            cluster = await admin.describe_cluster()
            return {broker["node_id"] for broker in cluster["brokers"]}

        with suppress(KafkaError, OSError, TimeoutError):
            return set(self.ask(ask))
        return set()

    def everywhere(self, topic: str, holds: Callable[[int, set[int]], bool]) -> bool:
        """Whether it holds for leader (-1: none) and replicas in sync of each partition; False if unknown."""

        async def look(admin: Any) -> bool:
            [description] = await admin.describe_topics([topic])
            return all(holds(each["leader"], set(each["isr"])) for each in description["partitions"])

        with suppress(KafkaError, OSError, TimeoutError):
            return bool(self.ask(look))
        return False

    def in_sync(self, topic: str) -> bool:
        """Whether every node holds all of the topic."""
        return self.everywhere(topic, lambda _, in_sync: in_sync == set(self.nodes))

    def make_topics(self, prefix: str) -> None:
        """Every bluflow topic, as in production but with fewer partitions."""
        few = [dataclasses.replace(topic, partitions=min(topic.partitions, PARTITIONS)) for topic in TOPICS]
        asyncio.run(ensure_topics(self.direct, few, prefix, embedded=False, replication=len(self.nodes)))

    def make_unclean_topic(self, topic: str, nodes: Sequence[int]) -> None:
        """A topic on these nodes alone, that one of them may acknowledge and any of them may lead."""
        unclean = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
        places = {number: list(nodes) for number in range(PARTITIONS)}

        async def make(admin: Any) -> None:
            await admin.create_topics([NewTopic(topic, -1, -1, places, unclean)])

        self.ask(make)

    def configure(self, topic: str, **settings: str) -> None:
        """Set a topic's configuration; what was set before and is not named goes back to its default."""
        from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

        async def alter(admin: Any) -> None:
            named = {name.replace("_", "."): value for name, value in settings.items()}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=named)])

        self.ask(alter)

    def ask(self, question: Any) -> Any:
        """`question(admin)` of whichever node answers first. Raises KafkaError."""

        async def talk() -> Any:
            addresses = ",".join(node.address for node in self.nodes.values() if node.child is not None)
            admin = AIOKafkaAdminClient(bootstrap_servers=addresses, request_timeout_ms=5000)
            await admin.start()
            try:
                return await question(admin)
            finally:
                await admin.close()

        return asyncio.run(talk())
