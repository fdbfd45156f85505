"""How sensors and gateways stand, and whose fault a silence seems to be."""

from typing import Any

import pytest

from api.live import Live
from api.table import Place
from schemas.freshness import GATEWAY_SILENT_MS, PIPELINE_BEHIND_MS
from schemas.gateway import Clock
from schemas.reading import Reception
from schemas.registry import Entry, Registry
from tests.api.fakes import GATEWAY, MINUTE, NOW, SENSOR, gateway, latest

SEEN = NOW - 5 * MINUTE  # stale by now


def live(*, watermark: int | None = NOW, interval: int = MINUTE) -> Live:
    """A sensor that is stale, heard by two gateways that speak."""
    made = Live(lambda: Registry([Entry(SENSOR, interval_ms=interval)]))
    made.sensors.apply(SENSOR, latest(seen=SEEN))
    made.gateways.apply(GATEWAY, gateway())
    made.gateways.apply("attic", gateway("attic"))
    if watermark is not None:
        made.clock.apply("0", Clock(0, watermark))
    return made


def test_a_silent_sensor_whose_gateways_speak_is_at_fault_itself() -> None:
    assert live().at(NOW).verdict(SENSOR) == ("stale", "sensor", SEEN + 5 * MINUTE)


def test_it_is_the_gateways_fault_only_if_all_that_heard_it_are_silent() -> None:
    it = live()
    it.gateways.apply(GATEWAY, gateway(revision=2, silent_since=SEEN))
    assert it.at(NOW).verdict(SENSOR).cause == "sensor"
    it.gateways.apply("attic", gateway("attic", 2, last_frame=NOW - GATEWAY_SILENT_MS - 1))
    assert it.at(NOW).verdict(SENSOR).cause == "gateway"


def test_a_gateway_that_went_offline_is_at_fault_before_its_silence_is_noticed() -> None:
    it = live()
    gone: dict[str, Any] = {"online": False, "online_at": NOW - 61_000, "last_frame": NOW - 62_000}
    it.gateways.apply(GATEWAY, gateway(revision=2, **gone))
    it.gateways.apply("attic", gateway("attic", 2, **gone))
    assert it.at(NOW).verdict(SENSOR).cause == "gateway"
    it.gateways.apply("attic", gateway("attic", 3, **gone | {"last_frame": NOW - 60_000}))  # it spoke since
    assert it.at(NOW).verdict(SENSOR).cause == "sensor"


def test_a_gateway_that_heard_it_long_before_does_not_count() -> None:
    it = live()
    it.gateways.apply(GATEWAY, gateway(revision=2, silent_since=SEEN))
    heard = {GATEWAY: Reception(-66, SEEN, 3), "attic": Reception(-90, SEEN - 10 * MINUTE - 1, 1)}
    it.sensors.apply(SENSOR, latest(revision=2, seen=SEEN, receptions=heard))
    assert it.at(NOW).verdict(SENSOR).cause == "gateway"


def test_a_gateway_that_nobody_knows_is_not_called_silent() -> None:
    it = live()
    it.sensors.apply(SENSOR, latest(revision=2, seen=SEEN, receptions={"new": Reception(-66, SEEN, 3)}))
    assert it.at(NOW).verdict(SENSOR).cause == "sensor"


def test_a_gateway_under_two_prefixes_is_silent_if_both_are() -> None:
    it = live()
    it.sensors.apply(SENSOR, latest(revision=2, seen=SEEN, receptions={GATEWAY: Reception(-66, SEEN, 3)}))
    it.gateways.apply("old", gateway("old", gateway=GATEWAY, silent_since=SEEN))
    assert it.at(NOW).verdict(SENSOR).cause == "sensor"
    it.gateways.apply(GATEWAY, gateway(revision=2, silent_since=SEEN))
    assert it.at(NOW).verdict(SENSOR).cause == "gateway"


@pytest.mark.parametrize("watermark", [None, NOW - PIPELINE_BEHIND_MS - 1])
def test_a_stream_that_is_behind_cannot_tell_and_hides_nothing(watermark: int | None) -> None:
    assert live(watermark=watermark).at(NOW).verdict(SENSOR)[:2] == ("stale", "pipeline")


def test_the_watermark_of_its_own_partition_counts() -> None:
    it = live()
    it.clock.apply("1", Clock(1, NOW - PIPELINE_BEHIND_MS - 1))
    it.sensors.apply(SENSOR, latest(revision=2, seen=SEEN), Place(0, 5))
    assert it.at(NOW).verdict(SENSOR).cause == "sensor"
    it.sensors.apply(SENSOR, latest(revision=3, seen=SEEN), Place(1, 5))
    assert it.at(NOW).verdict(SENSOR).cause == "pipeline"


def test_the_expected_interval_of_the_registry_counts() -> None:
    assert live(interval=10 * MINUTE).at(NOW).verdict(SENSOR)[:2] == ("fresh", None)


def test_registered_and_never_heard_is_lost() -> None:
    assert Live(lambda: Registry([Entry(SENSOR)])).at(NOW).verdict(SENSOR) == ("lost", "pipeline", None)
    assert live().at(NOW).verdict("7c:c6:b6:00:00:09") == ("lost", "sensor", None)


def test_sensors_that_a_gateway_heard_lately_are_counted() -> None:
    standing = live().at(NOW)
    assert (standing.sensors_of(GATEWAY), standing.sensors_of("attic"), standing.sensors_of("new")) == (1, 1, 0)
    assert live().at(NOW + 6 * MINUTE).sensors_of(GATEWAY) == 0
