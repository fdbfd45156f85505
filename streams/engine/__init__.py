"""The cures for what stock Faust loses, at its own extension points; one file each, each with a test that fails
without it. What a stage may rely on:

- it gets all records of a poll and partition as one batch, in order, without a gap, after its table is recovered;
- a batch is committed only after its outputs, then its states, were delivered;
- whatever goes wrong after a fold ends the process: memory is ahead of the log then, and the log is the truth.
"""

from streams.engine.consumer import BatchConsumer, BatchSchema, RecordBatch
from streams.engine.fail_stop import fail_stop
from streams.engine.producer import IdempotentProducer, Output
from streams.engine.stage import Stage, Work
from streams.engine.store import FencedTable, States
from streams.engine.transport import install

__all__ = [
    "BatchConsumer",
    "BatchSchema",
    "FencedTable",
    "IdempotentProducer",
    "Output",
    "RecordBatch",
    "Stage",
    "States",
    "Work",
    "fail_stop",
    "install",
]
