"""Which record wins."""

from api.table import SEEDED, ClockTable, Place, Row, SensorTable
from schemas.gateway import Clock
from tests.api.fakes import NOW, OTHER, SENSOR, latest, reading


def test_only_a_higher_revision_is_applied() -> None:
    table = SensorTable()
    assert table.apply(SENSOR, latest(revision=5, rssi=-50))
    assert not table.apply(SENSOR, latest(revision=5, rssi=-51))
    assert not table.apply(SENSOR, latest(revision=4, rssi=-52))
    assert table.get(SENSOR) == latest(revision=5, rssi=-50)
    assert table.apply(SENSOR, latest(revision=6, rssi=-53))
    assert table.get(SENSOR) == latest(revision=6, rssi=-53)


def test_none_deletes_and_a_later_seed_does_not_bring_it_back() -> None:
    table = SensorTable()
    table.apply(SENSOR, latest())
    assert table.apply(SENSOR, None)
    table.seed([reading(NOW)])
    assert table.get(SENSOR) is None
    assert table.all() == []


def test_sensors_are_sorted_by_id() -> None:
    table = SensorTable()
    table.apply(SENSOR, latest(SENSOR))
    table.apply(OTHER, latest(OTHER))
    assert [one.sensor for one in table.all()] == [OTHER, SENSOR]


def test_a_seed_never_replaces_what_is_held_and_always_gives_way() -> None:
    table = SensorTable()
    table.apply(SENSOR, latest(revision=0))
    table.seed([reading(NOW), reading(NOW - 1000, OTHER)])
    assert table.get(SENSOR) == latest(revision=0)
    assert table.apply(OTHER, latest(OTHER, revision=0))


def test_a_seed_looks_no_fresher_than_its_reading() -> None:
    table = SensorTable()
    table.seed([reading(NOW - 60_000, received_at=NOW), reading(NOW, OTHER, time_source="unknown")])
    late, unknown = table.get(SENSOR), table.get(OTHER)
    assert late is not None
    assert unknown is not None
    assert (late.revision, late.last_seen, late.values["humidity"].value) == (SEEDED, NOW - 60_000, 63)
    assert unknown.last_seen is None


def test_what_the_topic_lost_stays_and_gives_way_to_any_revision() -> None:
    table = SensorTable()
    table.apply(SENSOR, latest(revision=900))
    table.apply(OTHER, latest(OTHER, revision=900))
    table.adopt({OTHER: Row(latest(OTHER, revision=3), 3)})
    assert len(table.all()) == 2
    assert table.apply(SENSOR, latest(revision=0))
    assert table.apply(OTHER, latest(OTHER, revision=4))


def test_of_held_and_reread_the_one_measured_later_is_shown_under_the_topics_revision() -> None:
    table = SensorTable()
    held, place = latest(revision=900, seen=NOW, rssi=-40), Place(1, 8)
    table.apply(SENSOR, held)
    table.adopt({SENSOR: Row(latest(revision=3, seen=NOW - 1, rssi=-70), 3, place)})
    assert table.row(SENSOR) == Row(held, 3, place)
    newer = Row(latest(revision=4, seen=NOW, rssi=-71), 4, place)
    table.adopt({SENSOR: newer})
    assert table.row(SENSOR) == newer


def test_a_deletion_that_was_reread_counts() -> None:
    table = SensorTable()
    table.apply(SENSOR, latest(revision=900))
    table.adopt({SENSOR: Row(None, SEEDED)})
    assert table.all() == []


def test_who_changed_is_told_and_nobody_else() -> None:
    told: list[str] = []
    table = SensorTable()
    table.on_change = told.append
    table.apply(SENSOR, latest(revision=2))
    table.apply(SENSOR, latest(revision=1))
    table.seed([reading(NOW), reading(NOW, OTHER)])
    assert told == [SENSOR, OTHER]
    table.adopt({SENSOR: Row(latest(revision=2), 2)})
    assert told == [SENSOR, OTHER]
    table.adopt({SENSOR: Row(None, SEEDED)})
    assert told == [SENSOR, OTHER, SENSOR]


def test_a_watermark_stands_in_for_a_revision() -> None:
    table = ClockTable()
    assert table.apply("0", Clock(0, NOW))
    assert not table.apply("0", Clock(0, NOW - 1))
    assert table.get("0") == Clock(0, NOW)
