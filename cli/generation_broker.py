"""What the generation commands ask of a broker, and have it do. A method that finds it away raises KafkaError."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from cli.unusable import Unusable
from runtime.kafka_login import kafka_login
from runtime.snapshot import snapshot

Offsets = dict[TopicPartition, int]
_LOOK_SECONDS = 0.5
_NO_GROUP = (0, 69)  # deleted, or there was none


class GenerationBroker:
    """Opened for one command. `address` is host:port[,host:port]."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin: Any = AIOKafkaAdminClient(bootstrap_servers=address, **kafka_login())
        self._consumer: Any = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, **kafka_login())

    async def __aenter__(self) -> Self:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def topics(self) -> dict[str, int]:
        """Every topic and how many partitions it has."""
        names = sorted(name for name in await self._admin.list_topics() if not name.startswith("__"))
        described = await self._admin.describe_topics(names) if names else []
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    async def groups(self) -> list[str]:
        """Every consumer group that the broker knows."""
        return sorted(name for name, *_ in await self._admin.list_consumer_groups())

    async def begins(self, topic: str, partitions: int) -> Offsets:
        """The first offset of every partition."""
        return dict(await self._consumer.beginning_offsets(_places(topic, partitions)))

    async def ends(self, topic: str, partitions: int) -> Offsets:
        """The next offset of every partition."""
        return dict(await self._consumer.end_offsets(_places(topic, partitions)))

    async def last(self, topic: str, partitions: int) -> list[Any]:
        """The newest record of every partition that has one."""
        begins = {place: end - 1 for place, end in (await self.ends(topic, partitions)).items()}
        return [record async for record in snapshot(self.address, topic, begins=begins)]

    async def members(self, group: str) -> int:
        """How many are in the group, or were until their session runs out; 0 if there is no such group."""
        [answer] = await self._admin.describe_consumer_groups([group])
        code, _, state, _, _, members, *_ = answer.groups[0]
        if not state:
            raise for_code(code)(f"the group {group} cannot be looked at")
        return len(members)

    async def until_empty(self, groups: Iterable[str], seconds: float) -> None:
        """Return once nobody is in the groups. Raises Unusable: who was stopped is gone after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        for group in groups:
            while count := await self.members(group):
                if asyncio.get_running_loop().time() > deadline:
                    raise Unusable(f"the group {group} still has {count} members: stop them first")
                await asyncio.sleep(_LOOK_SECONDS)

    async def committed(self, group: str, topic: str) -> Offsets:
        """The group's place in the partitions where it has one."""
        found = await self._admin.list_consumer_group_offsets(group)
        return {place: each.offset for place, each in found.items() if place.topic == topic and each.offset >= 0}

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set the place of a group without members; with members the broker refuses."""
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self.address, group_id=group, enable_auto_commit=False, **kafka_login()
        )
        await consumer.start()
        try:
            consumer.assign(list(offsets))
            await consumer.commit(dict(offsets))
        finally:
            await consumer.stop()

    async def delete(self, topics: list[str], groups: Iterable[str]) -> None:
        """Delete them; what is not there is passed over. Groups first: one with members stops it all."""
        for group in groups:
            node = await self._admin.find_coordinator(group)
            # aiokafka has no public way; its version is pinned
            answer = await self._admin._send_request_to_node(node, DeleteGroupsRequest([group]))
            for name, code in answer.results:
                if code not in _NO_GROUP:
                    raise for_code(code)(f"the group {name} cannot be deleted")
        if topics:
            answer = await self._admin.delete_topics(topics)
            for name, code in answer.topic_error_codes:
                if code:
                    raise for_code(code)(f"the topic {name} cannot be deleted")


def lag(begins: Offsets, ends: Offsets, committed: Offsets) -> int:
    """Records that the group has not taken; what retention deleted is nobody's lag."""
    return sum(max(0, end - max(begins[place], committed.get(place, 0))) for place, end in ends.items())


def _places(topic: str, partitions: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(partitions)]
