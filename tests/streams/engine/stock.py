"""A worker on stock Faust, made to meet one fault. Run as a process; prints `done VALUE` for what it has handled.

python tests/streams/engine/stock.py BROKER PREFIX CASE
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor

from tests.streams.engine.counting import PARTITIONS

LARGE = b"x" * 2_000


class Number(faust.Record):
    """A value that must decode."""

    number: int


def done(value: object) -> None:
    """One write call: it is out even if the process is killed next."""
    os.write(1, f"done {value!r}\n".encode())


async def stand_still() -> None:
    """An event in work, until the process is killed or the task is cancelled."""
    os.write(1, b"in work\n")
    await asyncio.Event().wait()


def handle(value: Any) -> None:
    """Raises for the one bad value."""
    if value == b"boom":
        raise ValueError("boom")
    done(value)


def make_app(broker: str, prefix: str, case: str) -> faust.App:
    """The plainest worker that shows the case."""
    app = faust.App(
        prefix + "stock",
        broker=f"kafka://{broker}",
        store="memory://",
        autodiscover=False,
        datadir=os.environ.get("COUNT_DATA", f"/tmp/{prefix}stock"),
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=0.3,
        stream_wait_empty=case != "sigterm",
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )
    out = app.topic(prefix + "out", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
    undecodable = case in ("undecodable", "undecodable-take")
    types: dict[str, Any] = (
        {"value_type": Number, "value_serializer": "json"}
        if undecodable
        else {"value_type": bytes, "value_serializer": "raw"}
    )
    source = app.topic(prefix + "in", key_type=bytes, partitions=PARTITIONS, **types)
    table: Any = None
    if case in ("changelog", "slow-producer"):
        table = app.Table("n", partitions=PARTITIONS, key_type=bytes, value_type=bytes)

    async def plain(stream: Any) -> None:
        async for value in stream:
            handle(value)

    async def take(stream: Any) -> None:
        async for values in stream.take(100, within=0.2):
            for value in values:
                handle(value)

    async def noack(stream: Any) -> None:
        async for event in stream.noack().events():
            handle(event.value)
            event.ack()

    async def first_stands_still(stream: Any) -> None:
        async for value in stream:
            if value == b"0":
                await stand_still()
            done(value)

    async def gives_up(stream: Any) -> None:
        async for _ in stream:
            os.write(1, b"in work\n")
            await app._stopped.wait()
            raise ConnectionError("the sink was away until the end")

    async def sends(stream: Any) -> None:
        async for value in stream:
            await out.send(key=b"k", value=LARGE)
            done(value)

    async def keeps(stream: Any) -> None:
        async for value in stream:
            table[b"k"] = LARGE
            done(value)

    bodies: dict[str, Callable[[Any], Any]] = {
        "raise": plain,
        "crashing-supervisor": plain,
        "take": take,
        "noack": noack,
        "undecodable": plain,
        "undecodable-take": take,
        "concurrency": first_stands_still,
        "sigterm": first_stands_still,
        "gives-up": gives_up,
        "send": sends,
        "changelog": keeps,
        "slow-producer": keeps,
    }
    options: dict[str, Any] = {}
    if case == "crashing-supervisor":
        options["supervisor_strategy"] = CrashingSupervisor
    if case == "concurrency":
        options["concurrency"] = 2
    app.agent(source, name="stock", **options)(bodies[case])
    if case == "undecodable-take":

        @app.agent(out, name="neighbour")
        async def neighbour(stream: Any) -> None:
            async for _ in stream:
                pass

    if case == "slow-producer":

        async def never(*args: Any, **kwargs: Any) -> None:
            os.write(1, b"handing over\n")
            await asyncio.Event().wait()

        driver.Producer.send = never  # type: ignore[method-assign, assignment]
    return app


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    worker = faust.Worker(make_app(*sys.argv[1:4]), loglevel="INFO", override_logging=False)
    worker.execute_from_commandline()
