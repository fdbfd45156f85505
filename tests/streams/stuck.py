"""The real worker, made stuck by STUCK: a `delivery` or the `recovery` never ends, or the `fold` blocks. A process."""

import asyncio
import os
import time
from typing import Any

from faust.tables.recovery import Recovery

from streams.__main__ import worker
from streams.decode import DecodeStage
from streams.engine import Work
from streams.engine.stage import Lane


async def never_delivered(self: Lane, changed: Any) -> None:
    await asyncio.Event().wait()


def blocked(self: DecodeStage, records: list[Any], states: dict[bytes, Any], partition: int) -> Work:
    time.sleep(3600)
    return Work()


def unfinished(self: Recovery) -> bool:
    return True


if __name__ == "__main__":
    match os.environ.get("STUCK"):
        case "delivery":
            Lane._write_states = never_delivered  # type: ignore[method-assign]
        case "fold":
            DecodeStage.fold = blocked  # type: ignore[method-assign]
        case "recovery":
            Recovery.need_recovery = unfinished  # type: ignore[method-assign]
    worker().execute_from_commandline()
