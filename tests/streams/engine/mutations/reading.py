"""Cures on the way in: consumer, alignment, tails, app."""

import math
from collections.abc import Callable
from typing import Any

from faust.serializers.schemas import Schema
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer

from streams.engine import alignment, consumer, fetches, tails
from streams.engine.alignment import Alignment
from streams.engine.app import EngineApp
from streams.engine.consumer import BatchConsumer, BatchSchema
from streams.engine.tails import Mark
from tests.streams.engine.mutations.table import cure, inherit, nothing, put

EACH_EVENT, ACKED, DROPPED = "one event a record", "an agent that raises", "after a recovery"
STALE = "what a poll brought while a rebalance came"
FROZEN, LOST_TAIL, DRIFT = "a frozen worker", "a log that lost its tail", "partitions drift"
GAP = "test_consumer.py::test_a_gap_is_fetched_again_once_and_is_gone_from_the_log_if_it_is_still_there"
POLL = "test_alignment.py::test_a_poll_of_hours_is_handed_out_a_window_at_a_time"
OTHER_RECORD = "tests/streams/test_epochs.py::test_another_record_in_its_place_is_a_lost_tail"
TOLD = "test_consumer.py::test_where_a_tail_was_lost_it_is_told_and_the_commit_goes_back"
READS_ON = "test_consumer.py::test_it_reads_on_from_what_the_states_have_read"
COME_AGAIN = "test_fetches.py::test_given_back_records_come_again_unless_somebody_sought"
ONLY_RELEASE = "test_cures.py::test_only_an_explicit_release_makes_a_batch_committable"


@cure("consumer", "test_consumer.py::test_all_records_of_a_poll_and_partition_are_one_batch", EACH_EVENT)
def a_record_is_an_event_of_its_own() -> None:
    put(consumer, "MAX_BATCH", 1)


@cure("consumer", "test_consumer.py::test_faust_decodes_no_batch", EACH_EVENT)
def faust_decodes_a_batch() -> None:
    put(BatchSchema, "loads_key", Schema.loads_key)
    put(BatchSchema, "loads_value", Schema.loads_value)


@cure("consumer", ONLY_RELEASE, ACKED)
def an_ack_is_a_release() -> None:
    def ack(self: Any, message: Any) -> bool:
        self._acked_index[message.tp].add(message.offset)
        return True

    put(BatchConsumer, "ack", ack)


@cure("consumer", ONLY_RELEASE, ACKED)
def a_commit_goes_past_what_was_not_released() -> None:
    def new_offset(self: Any, tp: Any) -> int | None:
        return max(self._acked_index[tp], default=-1) + 1 or None

    put(BatchConsumer, "_new_offset", new_offset)


@cure("consumer", "test_cures.py::test_a_batch_of_an_older_generation_is_never_committable")
def a_batch_of_an_older_generation_is_released() -> None:
    def release(self: Any, batch: Any) -> None:
        self._acked_index[batch.tp].add(batch.offset)

    put(BatchConsumer, "release", release)


@cure("consumer", "test_consumer.py::test_what_was_fetched_before_a_rebalance_is_not_handed_out_after_it")
def a_stale_fetch_looks_fresh() -> None:
    inherit(BatchConsumer, "_drain_messages")


@cure("consumer", "test_cures.py::test_a_batch_behind_a_hole_is_not_folded", DROPPED)
def a_batch_behind_a_hole_is_taken() -> None:
    def take(self: Any, batch: Any) -> bool:
        self._taken[batch.tp].append(batch.offset)
        return True

    put(BatchConsumer, "take", take)


@cure("consumer", "test_consumer.py::test_what_comes_before_the_tables_are_recovered_is_fetched_again", DROPPED)
def sources_are_handed_out_during_a_recovery() -> None:
    TableManager.actives_ready = property(lambda self: True, lambda self, ready: None)  # type: ignore[assignment]


class Whatever:
    """Equal to any gap."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def remember_gaps(seen: Callable[[Any], Any]) -> None:
    """The consumer asks which gap it has seen in a partition: `seen` answers instead of it."""

    class Gaps(dict[Any, Any]):
        def get(self, place: Any, default: Any = None) -> Any:
            return seen(default)

    whole = BatchConsumer._reset_state

    def reset_state(self: Any) -> None:
        whole(self)
        self._gap_seen = Gaps()

    put(BatchConsumer, "_reset_state", reset_state)


@cure("consumer", GAP, DROPPED)
def a_gap_is_believed_at_first_sight() -> None:
    remember_gaps(lambda default: Whatever())


@cure("consumer", GAP)
def a_gap_is_never_believed() -> None:
    remember_gaps(lambda default: default)


@cure(
    "consumer", "test_consumer.py::test_a_fetch_from_the_logs_beginning_ends_the_worker_if_its_tail_is_lost", LOST_TAIL
)
def a_running_worker_does_not_look_for_its_tail() -> None:
    put(BatchConsumer, "_check_tail", nothing)


@cure("consumer", READS_ON, LOST_TAIL)
def it_seeks_to_the_commits_alone() -> None:
    inherit(BatchConsumer, "perform_seek")


@cure("consumer", "test_consumer.py::test_the_log_is_asked_for_the_record_read_last", LOST_TAIL)
def no_tail_is_ever_lost() -> None:
    async def lost_tails(self: Any, marks: Any) -> dict[Any, int]:
        return {}

    put(BatchConsumer, "_lost_tails", lost_tails)


@cure("consumer", TOLD, LOST_TAIL)
def a_commit_never_goes_back() -> None:
    whole = BatchConsumer.perform_seek

    class Held(dict[Any, Any]):
        def __setitem__(self, place: Any, offset: Any) -> None:
            self.setdefault(place, offset)

    async def perform_seek(self: Any) -> None:
        self._committed_offset = Held()
        await whole(self)

    put(BatchConsumer, "perform_seek", perform_seek)


@cure("consumer", "test_consumer.py::test_a_rebalance_forgets_what_was_taken")
def a_rebalance_forgets_nothing() -> None:
    inherit(BatchConsumer, "on_partitions_revoked")


@cure("consumer", "test_consumer.py::test_an_assignment_and_each_answered_heartbeat_renew_the_lease", FROZEN)
def nobody_renews_the_lease() -> None:
    inherit(BatchConsumer, "on_partitions_assigned")


@cure("consumer", "test_consumer.py::test_partitions_that_are_ahead_are_not_fetched", DRIFT)
def partitions_that_are_ahead_are_fetched() -> None:
    inherit(BatchConsumer, "_getmany")


@cure("consumer", "test_consumer.py::test_a_seek_is_done_in_the_clients_own_thread")
def a_seek_is_done_at_once() -> None:
    inherit(BatchConsumer, "_seek")


@cure("consumer", "test_consumer.py::test_sources_are_not_fetched_before_the_tables_are_recovered")
def sources_are_fetched_too_early() -> None:
    inherit(BatchConsumer, "_getmany")


@cure("consumer", "test_fetches.py::test_the_first_fetch_after_a_rebalance_is_handed_out", STALE)
def the_generation_is_taken_before_the_flow() -> None:
    whole = BatchConsumer._wait_next_records

    async def wait_next_records(self: Any, timeout: float) -> Any:  # noqa: ASYNC109  # as Faust has it
        found = await whole(self, timeout)
        self.app.consumer_generation_id += 1  # as it looks to who took it before
        return found

    put(Consumer, "_wait_next_records", wait_next_records)


@cure("fetches", COME_AGAIN, STALE)
def nothing_is_given_back() -> None:
    put(fetches, "give_back", lambda client, records: None)


@cure("fetches", COME_AGAIN)
def it_is_given_back_whoever_sought() -> None:
    def give_back(client: Any, records: Any) -> None:
        for place, found in records.items():
            client.seek(place, found[0].offset)

    put(fetches, "give_back", give_back)


@cure("alignment", POLL, DRIFT)
def a_poll_is_handed_out_whole() -> None:
    whole = Alignment.take

    def take(self: Any, tp: Any, records: Any, positions: Any, ends: Any) -> int:
        whole(self, tp, records, positions, ends)
        return len(records)

    put(Alignment, "take", take)


@cure("alignment", POLL, DRIFT)
def nobody_is_ahead() -> None:
    put(Alignment, "ahead", lambda self, positions, ends: set())


@cure("alignment", "test_alignment.py::test_patience_ends_when_a_partition_cannot_be_read")
def patience_never_ends() -> None:
    put(alignment, "PATIENCE_SECONDS", math.inf)


@cure("alignment", "test_alignment.py::test_a_frame_that_came_back_does_not_set_its_partition_back")
def progress_goes_back() -> None:
    whole = Alignment.take

    def take(self: Any, tp: Any, records: Any, positions: Any, ends: Any) -> int:
        count = whole(self, tp, records, positions, ends)
        self._progress[tp] = self._clock_of(records[count - 1])
        return count

    put(Alignment, "take", take)


@cure("tails", "tests/streams/test_stages.py::test_decode_remembers_how_far_the_log_was_forwarded", LOST_TAIL)
def a_record_is_known_by_its_place_and_time() -> None:
    put(tails, "_crc", lambda record: 0)


@cure("tails", OTHER_RECORD, LOST_TAIL)
def any_record_will_do() -> None:
    async def holds(*args: Any) -> bool:
        return True

    put(tails, "_holds", holds)


@cure("tails", OTHER_RECORD, LOST_TAIL)
def a_new_tail_is_read_from_its_end() -> None:
    async def departure(consumer: Any, place: Any, mark: Any, end: int) -> int:
        return end

    put(tails, "_departure", departure)


@cure("app", READS_ON)
def the_states_do_not_say_how_far_the_log_was_read() -> None:
    put(EngineApp, "mark", lambda self, tp, committed: Mark(committed))


@cure("app", TOLD)
def nobody_is_told_of_a_lost_tail() -> None:
    put(EngineApp, "on_tail_lost", lambda self, tp, expected, offset: None)
