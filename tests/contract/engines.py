"""The engines that the history contract is run on. A new one is a line in ENGINES."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from history.influx import InfluxHistory
from history.influx_server import InfluxServer
from history.sqlite import SqliteHistory
from history.store import HistoryRebuilder, HistoryWriter
from schemas.advertisement import Coordinate
from schemas.aggregate import FIVE_MINUTES, SECOND, Aggregate, window_start
from schemas.delivery import HOUR_MS, Delivery
from schemas.reading import Reading

SENSOR = "7c:c6:b6:bd:4c:b5"
MINUTE = 60_000
START = 1_759_654_320_000


class Store(HistoryWriter, HistoryRebuilder, Protocol):
    """Both sides in one."""


def influxdb_at(place: Path) -> InfluxHistory:
    """The store whose server and bucket are written down in `place`, by the fixture that made them."""
    written = json.loads((place / "influxdb.json").read_text())
    return InfluxHistory(
        InfluxServer(written["url"], "bluflow", Path(written["token_file"])), written["bucket"], page=50
    )


# Each opens a store at a place; opened twice, in one process or two, it is the same store.
ENGINES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda place: SqliteHistory(place / "history.sqlite", page=50),
    "influxdb": influxdb_at,
}
# Those that look before they replace a row.
COMPARING = {"sqlite"}


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


def aggregate(
    number: int = 0,
    *,
    sensor: str = SENSOR,
    quantity: str = "temperature",
    index: int = 0,
    width: int = FIVE_MINUTES,
    revision: int = 1,
    mean: float = 21.25,
    final: bool = False,
    count: int = 5,
) -> Aggregate:
    """The aggregate of window `number` of that width."""
    start = window_start(START, width) + number * width * SECOND
    return Aggregate(
        sensor=sensor,
        quantity=quantity,
        index=index,
        width=width,
        start=start,
        count=count,
        min=-0.1,
        max=22.0,
        mean=mean,
        first=20.5,
        first_at=start + 1,
        last=22.0,
        last_at=start + 240_001,
        revision=revision,
        final=final,
    )


def delivery(
    hour: int = 0, *, sensor: str = SENSOR, revision: int = 1, heard: int = 58, final: bool = True, unknown: int = 0
) -> Delivery:
    """Of the hour so many after the readings' first."""
    by_gateway = {"gw-a": heard, 'shelly "ün,ï=_\\': 7}
    return Delivery(sensor, START - START % HOUR_MS + hour * HOUR_MS, 60, heard, by_gateway, revision, unknown, final)


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
