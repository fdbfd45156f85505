"""What every history engine promises, whichever it is."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import msgspec
import pytest

from cli.child import spawn
from history.store import HistoryReader, ReadingRejected
from schemas.advertisement import Coordinate
from schemas.reading import RESTORED, Reading
from tests.contract.engines import COMPARING, ENGINES, MINUTE, SENSOR, START, Store, reading

OTHER = "f8:44:77:3a:0e:4b"
EVER = 2**62
FULL = Reading(
    sensor=SENSOR,
    measured_at=START + 1,
    received_at=START - 5_000,
    time_source="unknown",
    gateway="Küche/ground floor/shelly",
    values={
        "temperature": [4.0, 23.0],
        "humidity": 45.0,
        "battery": 0,
        "button": "long_press",
        "motion": True,
        "raw": {"hex": "00ff"},
        "energy": 2**63,
        "nothing": None,
    },
    format="shelly-blu",
    at=Coordinate(3, 23, 2**40, 15),
    rssi=-101,
    packet_id=0,
    counter=4_294_967_295,
    flags=("implausible:humidity", "clock"),
    measured={"temperature": [4.3, 23], "humidity": 47},
)
BARE = Reading(SENSOR, START + 2, START + 2, "arrival", "", {}, "", Coordinate(0, 0, 0, 0))
TEXT = Reading(
    SENSOR,
    START + 4,
    START,
    "arrival",
    "back\\slash, 'quotes' \"and\" = ünïcode 🌡 \\",
    {"temperature": -40.05, "text": 'line\nbreak\ttab "q" \\', "button": ["press", "double_press"], "tiny": 5e-324},
    "a,b=c d",
    BARE.at,
    flags=("<&>",),
)
BOOLEAN = Reading(SENSOR, START + 3, START, "arrival", "g", {"temperature": True, "humidity": 45}, "x", BARE.at)


@pytest.fixture
def writing(engine: str, place: Path) -> Iterator["Popen[bytes]"]:
    """Another process that writes until the test is over."""
    child = spawn([sys.executable, "-m", "tests.contract.engines", engine, str(place)], stdout=PIPE)
    yield child
    child.kill()
    child.communicate()


async def everything(store: HistoryReader, sensor: str = SENSOR, start: int = 0, end: int = EVER) -> list[Reading]:
    return [found async for found in store.readings(sensor, start, end)]


async def test_a_store_that_was_never_written_is_empty(store: Store) -> None:
    assert await everything(store) == []
    assert list(await store.newest()) == []


WHOLE = {"usual": reading(), "full": FULL, "bare": BARE, "text": TEXT, "boolean": BOOLEAN}


@pytest.mark.parametrize("given", WHOLE.values(), ids=WHOLE)
async def test_a_reading_comes_back_whole(store: Store, given: Reading) -> None:
    await store.write([given])
    [found] = await everything(store)
    assert found == given
    types = {name: type(value) for name, value in given.values.items()}
    assert {name: type(value) for name, value in found.values.items()} == types  # 45 is not 45.0, True is not 1


async def test_writing_again_changes_nothing(store: Store) -> None:
    batch = [reading(number) for number in range(3)]
    await store.write(batch)
    await store.write(batch)
    assert await everything(store) == batch


@pytest.mark.parametrize("held", [Coordinate(0, 2, 7, 0), Coordinate(0, 2, 5, 9), Coordinate(1, 0, 0, 0)])
async def test_a_lower_coordinate_never_replaces_a_higher_one(engine: str, store: Store, held: Coordinate) -> None:
    """Where the engine can compare; another takes the last, and so the end of what comes in order, twice even."""
    high = Reading(SENSOR, START, START, "gateway", "near", {"temperature": 20.5, "motion": True}, "bluflow", held)
    low = Reading(SENSOR, START, START, "gateway", "far", {"humidity": 40}, "bluflow", Coordinate(0, 2, 5, 8))
    await store.write([high])
    await store.write([low])
    assert await everything(store) == [high if engine in COMPARING else low]
    await store.write([high])
    assert await everything(store) == [high]


async def test_a_higher_coordinate_replaces_the_whole_reading(store: Store) -> None:
    await store.write([FULL])
    after = Reading(SENSOR, FULL.measured_at, START, "gateway", "g", {"humidity": 40}, "x", Coordinate(3, 23, 2**41, 0))
    await store.write([after])
    assert await everything(store) == [after]


async def test_within_a_batch_the_highest_coordinate_wins(store: Store) -> None:
    rivals = [reading(0, offset=offset, temperature=offset / 10) for offset in (5, 9, 7)]
    await store.write(rivals)
    assert await everything(store) == [rivals[1]]


async def test_ranges_are_half_open_and_of_one_sensor(store: Store) -> None:
    mine = [reading(number) for number in range(5)]
    await store.write([*reversed(mine), *(reading(number, sensor=OTHER) for number in range(5))])
    assert await everything(store, SENSOR, START + MINUTE, START + 3 * MINUTE) == mine[1:3]
    assert await everything(store, SENSOR, START + MINUTE, START + MINUTE) == []
    assert await everything(store, "00:00:00:00:00:00") == []
    assert await everything(store, SENSOR, -(2**70), 2**70) == mine


@pytest.mark.parametrize("count", [49, 50, 51, 100, 1234])
async def test_a_long_range_is_complete_whatever_the_page(store: Store, count: int) -> None:
    given = [reading(number) for number in range(count)]
    await store.write(given)
    assert await everything(store) == given


async def test_newest_is_one_reading_for_each_sensor_by_measured_time(store: Store) -> None:
    late = reading(1, offset=10**6)
    await store.write([reading(9), late, reading(3, sensor=OTHER), reading(2, sensor=OTHER)])
    assert {found.sensor: found for found in await store.newest()} == {
        SENSOR: reading(9),
        OTHER: reading(3, sensor=OTHER),
    }


async def test_a_batch_with_a_reading_that_can_never_be_stored_is_rejected(store: Store) -> None:
    beyond = Reading(SENSOR, 2**70, START, "gateway", "g", {}, "x", BARE.at)
    with pytest.raises(ReadingRejected):
        await store.write([reading(0), beyond, reading(1)])
    await store.write([reading(0), reading(1)])
    assert await everything(store) == [reading(0), reading(1)]


async def test_a_thousand_sensors_are_told_apart(store: Store) -> None:
    given = [reading(n % 3, sensor=f"00:00:00:00:{n >> 8:02x}:{n & 255:02x}", offset=n) for n in range(1000)]
    await store.write(given)
    for wanted in (given[0], given[499], given[999]):
        assert await everything(store, wanted.sensor) == [wanted]
    assert sorted(await store.newest(), key=lambda found: found.sensor) == given


async def test_a_reading_restored_by_another_gateways_copy_is_not_written_twice(store: Store) -> None:
    live = msgspec.structs.replace(reading(0), counter=9)
    copy = msgspec.structs.replace(live, measured_at=START + 37, gateway="far", flags=(RESTORED,))
    other_packet = msgspec.structs.replace(copy, packet_id=77)
    later = msgspec.structs.replace(copy, measured_at=START + 30_001)
    other_counter = msgspec.structs.replace(copy, counter=None, measured_at=START + 38)
    await store.write([live])
    await store.write([copy, other_packet, later, other_counter])
    assert await everything(store) == [live, other_packet, other_counter, later]


async def test_others_read_while_one_writes(engine: str, place: Path, writing: "Popen[bytes]") -> None:
    """What the writer has acknowledged is there for the reader, at once and without holes, a hundred times over."""
    assert writing.stdout is not None
    store = ENGINES[engine](place)
    for _ in range(100):
        acknowledged = int(writing.stdout.readline())
        seen = await everything(store, SENSOR, START + (acknowledged - 200) * MINUTE, START + acknowledged * MINUTE)
        assert seen == [reading(number) for number in range(max(0, acknowledged - 200), acknowledged)]
    assert writing.poll() is None
    await store.close()


async def test_a_killed_writer_loses_nothing_acknowledged(engine: str, place: Path, writing: "Popen[bytes]") -> None:
    assert writing.stdout is not None
    said = [writing.stdout.readline() for _ in range(50)]
    writing.kill()
    acknowledged = int([*said, *writing.stdout.read().split()][-1])
    store = ENGINES[engine](place)
    seen = await everything(store)
    assert len(seen) - acknowledged in (0, 20)  # the batch in hand is there whole or not at all
    assert seen == [reading(number) for number in range(len(seen))]
    after = len(seen) + 20  # a server may still be taking the batch in hand
    await store.write([reading(after)])
    assert [found.measured_at for found in await store.newest()] == [START + after * MINUTE]
    await store.close()
