"""The table: one dict of states for each partition, recovered from the changelog, newest revision wins.

A stored value begins with its revision (8 bytes, big endian), so that of two values the newer is known by its bytes.
Stock Faust takes whatever was written last, also if a zombie wrote it.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from faust import Table
from faust.stores import memory
from faust.types import TP

from streams.engine.fail_stop import fail_stop

REVISION_BYTES = 8


class HasRevision(Protocol):
    """What a decoded state must have."""

    revision: int


# As recovered (bytes), or decoded by the stage when first used.
States = dict[bytes, Any]


def revision_of(value: bytes | HasRevision) -> int:
    """The revision of a stored or decoded state."""
    return int.from_bytes(value[:REVISION_BYTES], "big") if isinstance(value, bytes) else value.revision


class FenceStore(memory.Store[bytes, Any]):
    """{partition: {key: state}}. What was forgotten or refused at recovery is counted."""

    table: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self.partitions: dict[int, States] = {}
        self.rewrites: dict[int, dict[bytes, bytes]] = {}
        self.recovered = self.refused = 0

    def states(self, partition: int) -> States:
        """The states of one partition."""
        return self.partitions.setdefault(partition, {})

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Called by Faust's recovery, which would swallow an exception and go on without the state."""
        try:
            for event in batch:
                # Faust hands records of a partition it does not know to the table it served last
                if event.message.topic == self.table.changelog_topic_name:
                    self._apply(event.message.partition, event.message.records)
        except Exception as error:
            fail_stop(error)

    def _apply(self, partition: int, records: Iterable[Any]) -> None:
        states, rewrites = self.states(partition), self.rewrites.setdefault(partition, {})
        for record in records:
            self.recovered += 1
            if record.value is None:
                states.pop(record.key, None)
                rewrites.pop(record.key, None)
                continue
            held = states.get(record.key)
            if held is not None and revision_of(record.value) < revision_of(held):
                # the last record of a key survives compaction: put the newer state behind the stale one
                self.refused += 1
                if isinstance(held, bytes):
                    rewrites[record.key] = held
                continue
            states[record.key] = record.value
            rewrites.pop(record.key, None)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget everything: memory may be ahead of the log, or behind another worker's writes."""
        self.partitions.clear()
        self.rewrites.clear()

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Nothing to drop: partitions that left were forgotten at the rebalance."""

    def __getitem__(self, key: Any) -> Any:
        for states in self.partitions.values():
            if key in states:
                return states[key]
        raise KeyError(key)

    def __len__(self) -> int:
        return sum(map(len, self.partitions.values()))

    def __iter__(self) -> Any:
        for states in self.partitions.values():
            yield from states


class FencedTable(Table[bytes, Any]):
    """A Faust table on a FenceStore. Its changelog is written by the stage, in order with its outputs."""

    data: FenceStore

    def _new_store(self) -> FenceStore:
        return FenceStore(
            "memory://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes, loop=self.loop
        )

    def persisted_offset(self, tp: TP) -> int:
        """Every recovery reads the whole changelog: the store has forgotten what it read before."""
        return -1
