"""Cures on the way out and back: stage, store, producer, outbox, fail-stop, lease."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

from faust.transport.producer import ProducerBuffer

from runtime.outbox import Outbox
from streams.engine import stage, store
from streams.engine.lease import Lease
from streams.engine.producer import IdempotentProducer, WaitingBuffer
from streams.engine.stage import Folded, Lane, Stage
from streams.engine.store import FencedTable, FenceStore
from tests.streams.engine.mutations.table import cure, nothing, put

ACKED, DROPPED, WARNING = "an agent that raises", "after a recovery", "a failed delivery"
FROZEN, LAST_WINS, ONE_BATCH = "a frozen worker", "the last changelog value", "the client takes one batch"
AS_ONE = "test_stage.py::test_what_came_while_the_lane_was_full_goes_on_as_one"
ORDER = "test_stage.py::test_outputs_go_before_states_and_states_before_the_release"
FORGOTTEN = "test_cures.py::test_a_rebalance_forgets_all_states_and_reads_the_whole_changelog_again"
LEASE = "test_cures.py::test_a_lease_runs_out_unless_a_heartbeat_renews_it"


def finish_folds(order: str, *, minding_failures: bool = True) -> None:
    """In this order: `a`wait the deliveries, `w`rite the states, `r`elease."""

    async def finish_next(self: Any) -> None:
        folded = await self._folded.get()
        for step in order:
            if step == "a":
                await asyncio.gather(*folded.futures, return_exceptions=not minding_failures)
            elif step == "w":
                await self._write_states(folded.changed)
            else:
                for batch in folded.batches:
                    self.stage.consumer.release(batch)
        self._room.release()

    put(Lane, "_finish_next", finish_next)


@cure("stage", ORDER, WARNING)
def nobody_awaits_the_outputs() -> None:
    finish_folds("wr")


@cure("stage", ORDER)
def states_go_before_the_outputs() -> None:
    finish_folds("war")


@cure("stage", ORDER)
def the_release_goes_before_the_states() -> None:
    finish_folds("arw")


@cure("stage", "test_stage.py::test_a_delivery_that_fails_ends_the_worker_and_releases_nothing", WARNING)
def a_failed_delivery_is_a_warning() -> None:
    finish_folds("awr", minding_failures=False)


@cure("stage", "test_stage.py::test_batches_are_released_in_the_order_in_which_they_were_folded")
def each_fold_is_finished_when_it_is_delivered() -> None:
    tasks = list[asyncio.Task[None]]()

    async def finish(self: Any, folded: Folded) -> None:
        await asyncio.gather(*folded.futures)
        await self._write_states(folded.changed)
        for batch in folded.batches:
            self.stage.consumer.release(batch)

    async def finish_next(self: Any) -> None:
        tasks.append(asyncio.create_task(finish(self, await self._folded.get())))

    put(Lane, "_finish_next", finish_next)


@cure("stage", AS_ONE)
def each_batch_is_folded_alone() -> None:
    put(stage, "MAX_BATCH", 0)


@cure("stage", AS_ONE)
def each_fold_writes_its_own_states() -> None:
    finish_folds("awr")


@cure("stage", "test_stage.py::test_a_batch_writes_its_states_as_they_were_at_its_fold")
def states_are_written_as_they_are_by_then() -> None:
    whole = Lane._write_states

    async def write_states(self: Any, changed: Any) -> None:
        states = self.stage.table.data.states(self.partition)
        await whole(self, {key: states[key].dump() for key in changed})

    put(Lane, "_write_states", write_states)


@cure("stage", "test_stage.py::test_a_fold_that_fails_ends_the_worker", ACKED)
def a_fold_that_fails_is_passed_over() -> None:
    whole = Stage.fold_records

    def fold_records(self: Any, records: list[Any], partition: int) -> Any:
        try:
            return whole(self, records, partition)
        except ValueError:
            return [], {}

    put(Stage, "fold_records", fold_records)


@cure("stage", "test_stage.py::test_without_a_lease_nothing_is_written[0]", FROZEN)
def nobody_looks_at_the_lease_before_the_outputs() -> None:
    put(Stage, "check_lease", lambda self: None)


@cure("stage", "test_stage.py::test_without_a_lease_nothing_is_written[1]", FROZEN)
def nobody_looks_at_the_lease_before_the_states() -> None:
    put(Stage, "check_lease", lambda self: None)


@cure("stage", "test_stage.py::test_a_batch_that_was_moved_while_it_waited_is_not_folded")
def a_batch_that_was_moved_is_folded() -> None:
    put(Stage, "moved", lambda self, batch: False)


@cure("stage", "test_stage.py::test_what_precedes_a_batch_is_fetched_again_if_it_is_missing", DROPPED)
def a_batch_that_is_not_taken_is_dropped() -> None:
    whole = Stage.put

    async def take(self: Any, batch: Any) -> None:
        self.consumer.rewind = nothing
        await whole(self, batch)

    put(Stage, "put", take)


@cure("stage", "test_stage.py::test_a_state_that_a_recovery_held_is_written_back_with_the_next_batch", LAST_WINS)
def nothing_is_written_back() -> None:
    whole = Stage.fold_records

    def fold_records(self: Any, records: list[Any], partition: int) -> Any:
        self.table.data.rewrites.clear()
        return whole(self, records, partition)

    put(Stage, "fold_records", fold_records)


@cure(
    "stage",
    "test_stage.py::test_how_far_a_fold_came_is_written_last_also_if_an_older_word_of_it_is_to_be_overwritten",
)
def what_is_written_back_goes_before_everything() -> None:
    def latest(changes: Iterable[Any]) -> Any:
        return {key: value for changed in changes for key, value in changed.items()}

    put(stage, "latest", latest)


@cure("store", "test_cures.py::test_a_zombies_late_write_does_not_win_the_recovery", LAST_WINS)
def the_last_state_wins() -> None:
    put(store, "revision_of", lambda value: 0)


@cure("store", "test_cures.py::test_a_record_of_another_tables_changelog_is_ignored")
def another_tables_changelog_is_taken() -> None:
    whole = FenceStore.apply_changelog_batch

    def apply(self: Any, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        for event in batch:
            event.message.topic = self.table.changelog_topic_name
            whole(self, [event], to_key, to_value)

    put(FenceStore, "apply_changelog_batch", apply)


@cure("store", "test_cures.py::test_a_deleted_key_is_gone_after_recovery")
def a_deleted_key_stays() -> None:
    whole = FenceStore._apply

    def apply(self: Any, partition: int, records: Iterable[Any]) -> None:
        whole(self, partition, [record for record in records if record.value is not None])

    put(FenceStore, "_apply", apply)


@cure("store", "test_cures.py::test_a_changelog_that_cannot_be_read_ends_the_worker")
def a_changelog_that_cannot_be_read_is_left_to_faust() -> None:
    def apply(self: Any, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        for event in batch:
            self._apply(event.message.partition, event.message.records)

    put(FenceStore, "apply_changelog_batch", apply)


@cure("store", FORGOTTEN)
def a_rebalance_keeps_the_states() -> None:
    put(FenceStore, "on_rebalance", nothing)


@cure("store", FORGOTTEN)
def a_changelog_is_read_on_from_where_it_was() -> None:
    put(FencedTable, "persisted_offset", lambda self, tp: 0)


@cure("producer", "test_cures.py::test_a_flush_waits_until_all_is_handed_over[WaitingBuffer-1]", "flush gives up")
def a_flush_gives_up() -> None:
    put(WaitingBuffer, "flush", ProducerBuffer.flush)


@cure("producer", "test_cures.py::test_the_producer_is_idempotent", "retries may repeat")
def the_producer_is_not_idempotent() -> None:
    put(IdempotentProducer, "_settings_extra", lambda self: {})


@cure(
    "outbox",
    "tests/runtime/test_outbox.py::test_what_comes_while_the_client_is_busy_goes_together_into_the_next_batch",
    ONE_BATCH,
)
def each_record_is_a_batch() -> None:
    whole, full = Outbox._append, list[Any]()

    def append(self: Any, key: Any, value: Any, headers: Any) -> bool:
        batch = self._waiting[-1][0]
        if any(batch is other for other in full):
            return False
        full.append(batch)
        return whole(self, key, value, headers)

    put(Outbox, "_append", append)


@cure("outbox", "tests/runtime/test_outbox.py::test_a_delivery_that_fails_is_known_at_once", WARNING)
def a_failure_is_told_to_who_awaits_it() -> None:
    put(Outbox, "_tell", lambda self, future: None)


@cure("fail_stop", "test_cures.py::test_fail_stop_says_why_and_exits_with_its_own_code")
def the_end_looks_like_a_clean_one() -> None:
    put(sys.modules["streams.engine.fail_stop"], "EXIT_CODE", 0)


@cure("fail_stop", "test_cures.py::test_a_delivery_that_is_refused_ends_the_worker_and_commits_nothing[out]", WARNING)
def the_end_of_a_worker_looks_like_a_clean_one() -> None:
    put(sys.modules["streams.engine.fail_stop"], "EXIT_CODE", 0)


@cure("lease", LEASE, FROZEN)
def a_lease_never_runs_out() -> None:
    put(Lease, "has_run_out", lambda self: False)


def watch_heartbeats(renew: Any) -> None:
    """`renew(lease, when it was sent, whether it was confirmed)` after each."""

    def watch(self: Any, heartbeat: Any) -> Any:
        async def watched() -> Any:
            sent_at = self._clock()
            confirmed = await heartbeat()
            renew(self, sent_at, confirmed)
            return confirmed

        return watched

    put(Lease, "watch", watch)


@cure("lease", LEASE, FROZEN)
def a_lease_counts_from_the_answer() -> None:
    watch_heartbeats(lambda lease, sent_at, confirmed: confirmed and lease.renew())


@cure("lease", LEASE)
def a_heartbeat_that_failed_renews_the_lease() -> None:
    watch_heartbeats(lambda lease, sent_at, confirmed: setattr(lease, "_renewed_at", sent_at))
