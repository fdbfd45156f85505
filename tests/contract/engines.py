"""The engines that the history contract is run on. A new one is a line in ENGINES."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from history.sqlite import SqliteHistory
from history.store import HistoryReader, HistoryWriter
from schemas.advertisement import Coordinate
from schemas.reading import Reading

SENSOR = "7c:c6:b6:bd:4c:b5"
MINUTE = 60_000
START = 1_759_654_320_000


class Store(HistoryWriter, HistoryReader, Protocol):
    """Both sides in one."""


# Each opens a store at a place; opened twice, in one process or two, it is the same store.
ENGINES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda place: SqliteHistory(place / "history.sqlite", page=50),
}


def reading(number: int = 0, *, sensor: str = SENSOR, offset: int | None = None, temperature: float = 21.5) -> Reading:
    """The reading of minute `number`, from the raw offset of the same number if none is given."""
    measured_at = START + number * MINUTE
    return Reading(
        sensor=sensor,
        measured_at=measured_at,
        received_at=measured_at + 750,
        time_source="gateway",
        gateway="shellyplus1pm-a8032abe54dc",
        values={"battery": 100, "humidity": 45, "temperature": temperature},
        format="bluflow",
        at=Coordinate(0, 2, number if offset is None else offset, 0),
        rssi=-66,
        packet_id=number % 256,
    )


async def write_for_ever(engine: str, place: Path) -> None:
    """A process of its own: writes batches of 20, says how many minutes are acknowledged, until it is killed."""
    store = ENGINES[engine](place)
    number = 0
    while True:
        await store.write([reading(number + i) for i in range(20)])
        number += 20
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    import asyncio

    asyncio.run(write_for_ever(sys.argv[1], Path(sys.argv[2])))
