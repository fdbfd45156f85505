"""What is InfluxDB's own: its schema, what a person sees in it, its errors and outages."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.influx import InfluxHistory
from history.influx_server import InfluxServer
from history.store import DAY_MS, ReadingRejected, RebuiltDay, StoreUnavailable
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR
from schemas.reading import Reading
from schemas.registry import Entry, Placement, Registry
from tests.contract.engines import MINUTE, SENSOR, START, aggregate, reading
from tests.influxdb import ORG, Influx


async def stored(store: InfluxHistory) -> list[Reading]:
    return [found async for found in store.readings(SENSOR, 0, 2**62)]


def placed(*placements: Placement) -> Registry:
    return Registry([Entry(SENSOR, name="Fridge", placements=placements)])


def store_with(influx: Influx, bucket: str, registry: Registry) -> InfluxHistory:
    return InfluxHistory(InfluxServer(influx.url, ORG, influx.token_file), bucket, registry=lambda: registry)


async def test_the_schema_is_the_missions(influx: Influx) -> None:
    """Measurements temperature and humidity, tags sensor_id and location, fields value and battery_level."""
    bucket = influx.make_buckets()
    store = store_with(
        influx, bucket, placed(Placement(START + MINUTE, "Kitchen, left"), Placement(START + 2 * MINUTE, "b\\"))
    )
    no_battery = msgspec.structs.replace(reading(1), values={"temperature": 22, "humidity": 45.5, "motion": True})
    repeated = msgspec.structs.replace(reading(2), values={"temperature": [4.5, 23], "illuminance": 13, "battery": 1})
    corrected = {"temperature": [4.75, 23], "illuminance": 12}
    await store.write([reading(0), no_battery, msgspec.structs.replace(repeated, measured=corrected)])
    await store.close()

    def rows(measurement: str) -> list[object]:
        found = influx.query(f'SELECT * FROM "{measurement}" ORDER BY time', bucket)  # noqa: S608 - our own
        return [found[0].columns, *found[0].values] if found else []

    assert rows("temperature") == [
        ["time", "battery_level", "index", "location", "raw", "sensor_id", "value"],
        [START, 100, None, "unassigned", None, SENSOR, 21.5],
        [START + MINUTE, None, None, "Kitchen, left", None, SENSOR, 22],
        [START + 2 * MINUTE, 1, None, "b\\ ", 4.75, SENSOR, 4.5],
        [START + 2 * MINUTE, 1, "1", "b\\ ", 23, SENSOR, 23],
    ]
    assert rows("humidity") == [
        ["time", "battery_level", "location", "sensor_id", "value"],
        [START, 100, "unassigned", SENSOR, 45],
        [START + MINUTE, None, "Kitchen, left", SENSOR, 45.5],
    ]
    assert rows("illuminance") == [
        ["time", "location", "raw", "sensor_id", "value"],
        [START + 2 * MINUTE, "b\\ ", 12, SENSOR, 13],
    ]
    assert rows("motion") == []  # no number
    tags = {one.name: [tag for [tag] in one.values] for one in influx.query("SHOW TAG KEYS", bucket)}
    assert tags == {
        "reading": ["sensor_id"],
        "temperature": ["index", "location", "sensor_id"],
        **{quantity: ["location", "sensor_id"] for quantity in ("battery", "humidity", "illuminance")},
    }
    fields = {tuple(row) for one in influx.query("SHOW FIELD KEYS", bucket) for row in one.values}
    assert fields == {("value", "float"), ("raw", "float"), ("battery_level", "float"), ("record", "string")}


@pytest.mark.parametrize(("width", "suffix"), [(FIVE_MINUTES, "_5m"), (HOUR, "_1h"), (DAY, "_1d")])
async def test_each_width_has_a_bucket(influx: Influx, width: int, suffix: str) -> None:
    bucket = influx.make_buckets()
    store = store_with(influx, bucket, placed(Placement(0, "Kitchen")))
    await store.write_aggregates([aggregate(0, width=width, final=True)])
    await store.close()
    one = aggregate(0, width=width)
    [found] = influx.query("SELECT * FROM /.*/", bucket + suffix)
    row = dict(zip(found.columns, found.values[0], strict=True))
    assert found.name == "temperature"
    assert (row["time"], row["location"], row["sensor_id"], row["final"]) == (one.start, "Kitchen", SENSOR, True)
    assert (row["min"], row["max"], row["mean"], row["count"], row["last_at"]) == (-0.1, 22, 21.25, 5, one.last_at)


async def test_a_place_changed_afterwards_makes_no_second_aggregate_for_us(influx: Influx) -> None:
    """InfluxDB has two series then; the reader gives the higher revision, whichever was written last."""
    bucket = influx.make_buckets()
    for revision, location in ((1, "unassigned"), (3, "Kitchen"), (2, "Cellar")):
        store = store_with(influx, bucket, placed(Placement(0, location)))
        await store.write_aggregates([aggregate(0, revision=revision)])
        found = [one async for one in store.aggregates(SENSOR, FIVE_MINUTES, 0, 2**62)]
        assert found == [aggregate(0, revision=max(revision, 3 if location == "Cellar" else 0))]
        await store.close()
    assert len(influx.query("SHOW SERIES", bucket + "_5m")[0].values) == 3


async def test_more_than_one_request_takes(influx: Influx) -> None:
    store = influx.history(influx.make_buckets(), page=2000)
    wanted = [reading(number) for number in range(4000)]  # 16,000 points
    await store.write(wanted)
    assert await stored(store) == wanted
    await store.close()


async def test_a_point_that_the_server_rejects_is_rejected_and_leaves_its_neighbours(influx: Influx) -> None:
    """Somebody made `humidity` a text before us: what carries it is for the dead letters, the others are not."""
    bucket = influx.make_buckets()
    store = influx.history(bucket)
    server = InfluxServer(influx.url, ORG, influx.token_file)
    await server.write(bucket, [f'humidity,sensor_id=x value="wet" {START}000000'])
    with pytest.raises(ReadingRejected, match=r"422.*field type conflict"):
        await store.write([reading(0)])
    dry = msgspec.structs.replace(reading(1), values={"temperature": 20.5})
    await store.write([dry])
    with pytest.raises(ReadingRejected, match=r"400.*unable to parse"):
        await server.write(bucket, ["temperature,sensor_id= value=1 1"])
    await server.close()
    await store.close()


async def test_what_is_past_the_retention_is_taken_as_written(influx: Influx) -> None:
    store = influx.history(influx.make_buckets(raw="24h"))
    await store.write([reading(0)])
    assert await stored(store) == []
    assert await store.prune(2**62) == 0
    await store.close()


async def test_a_missing_bucket_is_named(influx: Influx) -> None:
    store = influx.history("nowhere")
    attempts = (
        store.write([reading(0)]),
        store.write_aggregates([aggregate(0)]),
        store.newest(),
        store.check(aggregates=False),
        store.check(aggregates=True),
    )
    for attempt in attempts:
        with pytest.raises(StoreUnavailable, match=r"has no bucket nowhere\w* in organisation bluflow: create it"):
            await attempt
    await store.close()
    store = influx.history(influx.make_buckets())
    await store.check(aggregates=False)
    await store.check(aggregates=True)
    await store.close()


async def test_a_refused_token_is_an_outage_until_the_file_holds_the_right_one(influx: Influx, tmp_path: Path) -> None:
    """The line names the file; the token is in no line."""
    file = tmp_path / "token"
    file.write_text("wr0ng")
    store = InfluxHistory(InfluxServer(influx.url, ORG, file), influx.make_buckets())
    for attempt in (store.write([reading(0)]), store.newest(), store.check(aggregates=False)):
        with pytest.raises(StoreUnavailable, match=rf"refuses .*: check the token in {file}") as error:
            await attempt
        assert "wr0ng" not in repr(error.value)
    file.write_text(influx.token_file.read_text())
    await store.write([reading(0)])
    assert await stored(store) == [reading(0)]
    await store.close()


async def test_an_outage_passes_and_what_was_written_is_there_once(own_influx: Influx) -> None:
    store = own_influx.history(own_influx.make_buckets())
    await store.write([reading(0)])
    own_influx.kill()
    for attempt in (store.write([reading(1)]), store.newest(), store.check(aggregates=True)):
        with pytest.raises(StoreUnavailable, match=r"cannot be reached.*does it run"):
            await attempt
    own_influx.start()
    await store.write([reading(0), reading(1)])
    assert await stored(store) == [reading(0), reading(1)]
    await store.close()


async def test_a_rebuilt_day_leaves_no_point_of_what_it_no_longer_says(influx: Influx) -> None:
    """A quantity that a better decoder does not give is gone for Grafana too."""
    bucket = influx.make_buckets()
    store, day = influx.history(bucket), reading(0).measured_at // DAY_MS * DAY_MS
    wrong = [msgspec.structs.replace(reading(number), values={"temperature": 21.5, "energy": 5}) for number in range(3)]
    other = reading(0, sensor="f8:44:77:3a:0e:4b")
    await store.write([*wrong, msgspec.structs.replace(other, values={"energy": 7})])
    await store.replace(
        RebuiltDay(SENSOR, day, day + DAY_MS, [reading(0), reading(2)], [], lambda held: held != wrong[1], 0)
    )
    assert await stored(store) == [reading(0), wrong[1], reading(2)]
    found = {
        (series.tags["sensor_id"], row[0])
        for series in influx.query('SELECT "value" FROM "energy" GROUP BY sensor_id', bucket)
        for row in series.values
    }
    assert found == {(SENSOR, wrong[1].measured_at), (other.sensor, other.measured_at)}
    await store.close()


async def test_a_rebuild_that_broke_off_is_whole_when_it_is_done_again(own_influx: Influx) -> None:
    class Breaks(InfluxServer):
        """Goes away between the delete and the write."""

        async def write(self, bucket: str, lines: Sequence[str]) -> None:
            raise StoreUnavailable("gone")

    bucket = own_influx.make_buckets()
    store, day = own_influx.history(bucket), reading(0).measured_at // DAY_MS * DAY_MS
    await store.write([reading(number) for number in range(5)])
    moved = [msgspec.structs.replace(reading(number), gateway="b") for number in range(4)]
    rebuilt = RebuiltDay(SENSOR, day, day + DAY_MS, moved, [], lambda held: True, 0)
    broken = InfluxHistory(Breaks(own_influx.url, ORG, own_influx.token_file), bucket)
    with pytest.raises(StoreUnavailable):
        await broken.replace(rebuilt)
    await store.replace(rebuilt)
    assert await stored(store) == moved
    await store.close()
    await broken.close()


TEXTS = st.text(max_size=40)
VALUES = st.dictionaries(
    st.sampled_from(["temperature", "humidity", "battery", "button", "text"]),
    st.one_of(
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        TEXTS,
        st.lists(st.integers(-999, 999), max_size=3),
    ),
)
LOCATIONS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200)


@given(st.lists(st.tuples(TEXTS, VALUES, LOCATIONS), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
async def test_whatever_a_reading_says_comes_back_as_it_was(
    influx: Influx, drawn: list[tuple[str, dict[str, object], str]]
) -> None:
    wanted = [
        msgspec.structs.replace(reading(number), gateway=text, format=text[::-1], flags=(text,), values=values)
        for number, (text, values, _) in enumerate(drawn)
    ]
    places = [Placement(one.measured_at, location) for one, (_, _, location) in zip(wanted, drawn, strict=True)]
    store = store_with(influx, influx.make_buckets(), placed(*places))
    await store.write(wanted)
    assert await stored(store) == wanted
    await store.close()
