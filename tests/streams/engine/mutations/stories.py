"""What the folds do for the engine's promises; the stories of the machines must notice that it is missing."""

from typing import Any

from streams import track
from streams.decode import DecodeStage
from streams.engine import Work
from streams.log_position import KEY as POSITION
from streams.track import Batch
from streams.watermark import KEY as WATERMARK
from tests.streams.engine.mutations.table import cure, put

TRACK = "tests/streams/test_machine.py::test_track_comes_to_the_same_whatever_befalls_it"
CHAIN = "tests/streams/test_chain_machine.py::test_the_chain_comes_to_the_same_whatever_befalls_it"


def first(key: bytes, work: Work) -> Work:
    """The batch's state that says how far it came, which is to be written last."""
    if key in work.changed:
        work.changed = {key: work.changed[key]} | work.changed
    return work


@cure("track", TRACK)
def what_was_folded_is_folded_again() -> None:
    put(track, "is_folded", lambda state, record: False)


@cure("track", "tests/streams/test_freshness.py::test_a_kill_between_two_states_makes_no_packet_late")
def a_watermark_is_ahead_of_the_states() -> None:
    whole = Batch.finish
    put(Batch, "finish", lambda self: first(WATERMARK, whole(self)))


@cure("decode", CHAIN)
def a_position_is_ahead_of_the_gateways() -> None:
    whole = DecodeStage.fold

    def fold(self: Any, records: Any, states: Any, partition: int) -> Work:
        return first(POSITION, whole(self, records, states, partition))

    put(DecodeStage, "fold", fold)
