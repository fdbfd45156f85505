"""The tables that a worker comes back to in the recovery part."""

from benchmarks.engine.backlog import PARTITIONS
from benchmarks.recovery.changelog import states
from runtime.kafka import partition_of
from streams.state_codec import load


def test_each_sensor_has_a_state_as_the_fold_leaves_it() -> None:
    found = list(states(200))
    assert len({key for _, key, _ in found}) == 200
    assert all(partition == partition_of(key, PARTITIONS) for partition, key, _ in found)
    loaded = [load(value) for _, _, value in found]
    assert min(state.readings for state in loaded) >= 20
    assert min(len(state.packets) for state in loaded) >= 20
    assert all(state.newest and state.windows.open for state in loaded)
