"""A worker with one stage that counts: for each key how many records, their sum, and the fence. Run as a process.

python tests/streams/engine/counting.py BROKER PREFIX: in -> out, one output for each input.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from streams.engine import (
    BatchConsumer,
    BatchSchema,
    FencedTable,
    IdempotentProducer,
    Output,
    Stage,
    States,
    Work,
    install,
)
from streams.engine.app import EngineApp, EngineWorker

PARTITIONS = 4
SLOW = float(os.environ.get("COUNT_SLOW", "0"))  # seconds for each batch, so that a kill meets work
FAULT = os.environ.get("COUNT_FAULT", "")  # what the delivery of the first output, or of its state, meets


class Count(msgspec.Struct, array_like=True):
    """`fence`: highest offset folded. It orders the states of a key, so it is the revision too."""

    revision: int
    count: int = 0
    total: int = 0

    def dump(self) -> bytes:
        return self.revision.to_bytes(8, "big") + msgspec.msgpack.encode(self)


def load(value: Any) -> Count:
    if isinstance(value, bytes):
        return msgspec.msgpack.decode(value[8:], type=Count)
    return value if isinstance(value, Count) else Count(0)


def count(records: list[Any], states: States, partition: int, out: str) -> Work:
    """Offsets are counted from 1 in the fence, so that 0 means nothing yet."""
    work = Work()
    time.sleep(SLOW)
    for record in records:
        state = states[record.key] = load(states.get(record.key))
        if record.offset + 1 <= state.revision:
            continue
        state.revision, state.count, state.total = record.offset + 1, state.count + 1, state.total + int(record.value)
        work.outputs.append(Output(out, partition, record.key, b"%d:%d" % (partition, record.offset)))
        work.changed[record.key] = state.dump()
    return work


def make_app(broker: str, prefix: str, **settings: Any) -> EngineApp:
    install()
    app = EngineApp(
        prefix + "count",
        broker=f"kafka://{broker}",
        store="memory://",
        autodiscover=False,
        datadir=os.environ.get("COUNT_DATA", f"/tmp/{prefix}count"),
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id="count-0",
        broker_session_timeout=float(os.environ.get("COUNT_SESSION", "10")),
        broker_heartbeat_interval=2.0,
        broker_commit_interval=0.3,
        broker_max_poll_records=500,
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        Table=FencedTable,
        **settings,
    )
    table: Any = app.Table("n", partitions=PARTITIONS, schema=BatchSchema(), key_type=bytes, value_type=bytes)
    source = prefix + "in"
    BatchConsumer.batch_topics |= {source, table.changelog_topic_name}
    stage = Stage(app, table, lambda records, states, partition: count(records, states, partition, prefix + "out"))

    @app.agent(app.topic(source, schema=BatchSchema(), partitions=PARTITIONS), name="count")
    async def agent(stream: Any) -> None:
        await stage.run(stream)

    return app


async def _held(app: EngineApp) -> None:
    """A delivery that is confirmed, or refused, only when the worker is told to stop; or never."""
    os.write(1, b"in work\n")
    if FAULT == "never":
        await asyncio.Event().wait()
    await app._stopped.wait()
    if FAULT == "refused-at-stop":
        raise ConnectionError("the broker was away until the end")


def inject(app: EngineApp) -> None:
    """Let partition 0 meet FAULT; the other partitions go on, and show that commits are made."""
    send = IdempotentProducer.send_outputs

    def send_outputs(self: IdempotentProducer, outputs: Iterable[Output]) -> "list[asyncio.Future[Any]]":
        outputs = list(outputs)
        if FAULT == "never-handed-over" and any("changelog" in o.topic and o.partition == 0 for o in outputs):
            return [asyncio.get_running_loop().create_future()]
        futures = send(self, outputs)
        if FAULT != "never-handed-over" and any(output.value == b"0:0" for output in outputs):
            futures.append(asyncio.create_task(_held(app)))
        return futures

    IdempotentProducer.send_outputs = send_outputs  # type: ignore[method-assign]


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    if os.environ.get("MUTATION"):
        from tests.streams.engine.mutations import switch_off_what_is_named

        switch_off_what_is_named()
    app = make_app(sys.argv[1], sys.argv[2])
    if FAULT:
        inject(app)
    worker = EngineWorker(app, loglevel="INFO", override_logging=False)
    worker.execute_from_commandline()
