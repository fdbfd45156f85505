"""The Prometheus page."""

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api.exposition import page
from api.metrics import Metrics
from api.services import Services
from schemas.reading import Delivered, Latest, Reception, Refused
from tests.api.conftest import register
from tests.api.fakes import GATEWAY, MINUTE, NOW, OTHER, SENSOR, FakeHistory, gateway, latest
from tests.api.test_data import DATA, client_of


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value of a whole page."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def shelly(text: str) -> dict[tuple[str, str], float]:
    """(name, sensor) -> value of the sensors' metrics that have no further label."""
    return {
        (name, dict(labels)["sensor_id"]): value
        for (name, labels), value in samples(text).items()
        if name.startswith("shelly_sensor_info")
        or (name.startswith("shelly_") and dict(labels).keys() == {"sensor_id"})
    }


def labelled(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Values of the metric's other labels, sorted by the labels' names -> value of it, of one sensor."""
    return {
        tuple(value for label, value in pairs if label != "sensor_id"): value
        for (found, pairs), value in samples(text).items()
        if found == name
    }


def freshness(text: str, sensor: str) -> dict[str, float]:
    """freshness -> 1 or 0 of one sensor."""
    return {
        labels["freshness"]: value
        for (name, pairs), value in samples(text).items()
        if name == "shelly_sensor_freshness" and (labels := dict(pairs))["sensor_id"] == sensor
    }


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_a_live_sensor(client: httpx.AsyncClient, services: Services, path: str) -> None:
    services.live.sensors.apply(SENSOR, latest())
    answer = await client.get(path)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert shelly(answer.text) == {
        ("shelly_temperature_celsius", SENSOR): 22.3,
        ("shelly_humidity_percent", SENSOR): 63,
        ("shelly_battery_level", SENSOR): 100,
        ("shelly_sensor_last_seen", SENSOR): (NOW - 12_400) / 1000,
        ("shelly_sensor_info", SENSOR): 1,
        ("shelly_sensor_packet_id", SENSOR): 78,
        ("shelly_sensor_readings", SENSOR): 1,
    }
    assert labelled(answer.text, "shelly_sensor_rssi_dbm") == {(GATEWAY,): -66, ("attic",): -90}
    assert labelled(answer.text, "shelly_sensor_silence") == {}
    assert f'shelly_temperature_celsius{{sensor_id="{SENSOR}"}} 22.3' in answer.text
    assert samples(answer.text)["shelly_sensor_info", (("location", "unassigned"), ("name", ""), ("sensor_id", SENSOR))]


async def test_a_stale_sensors_values_vanish_and_its_last_seen_stays(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW - 5 * MINUTE))
    services.live.sensors.apply(OTHER, latest(OTHER, seen=NOW - 5 * MINUTE + 1))
    text = (await client.get("/metrics")).text
    found = shelly(text)
    assert {name for name, sensor in found if sensor == SENSOR} == {"shelly_sensor_last_seen", "shelly_sensor_info"}
    assert found["shelly_sensor_last_seen", SENSOR] == (NOW - 5 * MINUTE) / 1000
    assert found["shelly_temperature_celsius", OTHER] == 22.3
    assert freshness(text, SENSOR) == {"fresh": 0, "late": 0, "stale": 1, "lost": 0}
    assert freshness(text, OTHER) == {"fresh": 0, "late": 1, "stale": 0, "lost": 0}


async def test_values_vanish_while_time_passes_and_nothing_else_happens(services: Services) -> None:
    clock = NOW
    metrics = Metrics(services.live, lambda: clock)
    services.live.sensors.apply(SENSOR, latest(seen=NOW))
    labels = {"sensor_id": SENSOR}
    assert metrics.registry.get_sample_value("shelly_temperature_celsius", labels) == 22.3
    clock += 300_000
    assert metrics.registry.get_sample_value("shelly_temperature_celsius", labels) is None
    assert metrics.registry.get_sample_value("shelly_sensor_last_seen", labels) == NOW / 1000


async def test_what_is_new_about_a_sensor_is_said_at_the_next_scrape(services: Services) -> None:
    """Its lines are held from one scrape to the next; a page made afresh is the measure."""
    clock = NOW
    metrics = Metrics(services.live, lambda: clock)

    def told() -> str:
        text, afresh = (page(one.registry).decode() for one in (metrics, Metrics(services.live, lambda: clock)))
        assert sensors_and_gateways(text) == sensors_and_gateways(afresh)
        return text

    def sensors_and_gateways(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("shelly_")]

    services.live.sensors.apply(SENSOR, latest(seen=NOW))
    services.live.sensors.apply(OTHER, latest(OTHER, seen=NOW))
    before = told()
    services.live.sensors.apply(SENSOR, latest(seen=NOW + 1_000, revision=99))
    assert shelly(told())["shelly_sensor_last_seen", SENSOR] == (NOW + 1_000) / 1000
    assert shelly(told())["shelly_sensor_last_seen", OTHER] == shelly(before)["shelly_sensor_last_seen", OTHER]
    services.live.gateways.apply(GATEWAY, gateway())
    told()
    register(services, f"  {SENSOR}:\n    name: Fridge\n")
    assert "Fridge" in told()
    clock += 20 * MINUTE
    told()


async def test_a_sensor_that_was_never_live_has_no_last_seen(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=None))
    assert set(shelly((await client.get("/metrics")).text)) == {("shelly_sensor_info", SENSOR)}


async def test_a_value_that_is_no_number_is_left_out_and_of_several_the_first_counts(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(
        SENSOR, latest(values={"temperature": [21.5, 22.0], "humidity": float("nan"), "battery": "?"})
    )
    found = shelly((await client.get("/metrics")).text)
    assert found["shelly_temperature_celsius", SENSOR] == 21.5
    assert ("shelly_humidity_percent", SENSOR) not in found
    assert ("shelly_battery_level", SENSOR) not in found


async def test_packets_expected_and_heard_are_counters_that_stay_while_a_sensor_is_silent(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW - 90 * MINUTE, delivered=Delivered(1440, 1399)))
    services.live.sensors.apply(OTHER, latest(OTHER))
    text = (await client.get("/metrics")).text
    found = shelly(text)
    assert found["shelly_sensor_packets_expected_total", SENSOR] == 1440
    assert found["shelly_sensor_packets_heard_total", SENSOR] == 1399
    assert ("shelly_sensor_packets_heard_total", OTHER) not in found
    assert "# TYPE shelly_sensor_packets_expected_total counter" in text


async def test_names_and_rooms_stand_in_the_info_metric(client: httpx.AsyncClient, services: Services) -> None:
    register(services, f"  {SENSOR}: {{name: Fridge, location: Kitchen}}\n")
    text = (await client.get("/metrics")).text
    info = ("shelly_sensor_info", (("location", "Kitchen"), ("name", "Fridge"), ("sensor_id", SENSOR)))
    assert samples(text)[info] == 1
    assert freshness(text, SENSOR) == {"fresh": 0, "late": 0, "stale": 0, "lost": 1}
    assert ("shelly_sensor_last_seen", SENSOR) not in shelly(text)


async def test_limits_of_the_registry_are_metrics_and_an_open_end_is_none(
    client: httpx.AsyncClient, services: Services
) -> None:
    register(services, f"  {SENSOR}: {{limits: {{temperature: [2, 8], humidity: [null, 70]}}}}\n")
    found = labelled((await client.get("/metrics")).text, "shelly_sensor_limit")
    assert found == {("low", "temperature"): 2, ("high", "temperature"): 8, ("high", "humidity"): 70}


async def test_a_silent_sensor_tells_whose_fault_it_seems_and_who_heard_it_last(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW - 6 * MINUTE))
    silent = gateway("house/one", gateway=GATEWAY, last_frame=NOW - 6 * MINUTE)
    services.live.gateways.apply("house/one", silent)
    services.live.gateways.apply("attic", gateway("attic"))
    text = (await client.get("/metrics")).text
    assert labelled(text, "shelly_sensor_silence") == {("sensor", "stale", "house/one"): 1}
    services.live.gateways.apply("attic", gateway("attic", 2, last_frame=NOW - 6 * MINUTE))
    text = (await client.get("/metrics")).text
    assert labelled(text, "shelly_sensor_silence") == {("gateway", "stale", "house/one"): 1}


async def test_what_was_refused_is_a_metric_also_of_a_sensor_that_is_lost(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW - 86_400_000, refused=Refused(NOW - 60_000, 12)))
    services.live.sensors.apply(OTHER, latest(OTHER))
    text = (await client.get("/metrics")).text
    assert labelled(text, "shelly_sensor_refused") == {("plaintext_refused",): 12}


async def test_nobody_misses_a_sensor_that_was_never_read_and_that_nobody_entered(
    client: httpx.AsyncClient, services: Services
) -> None:
    """A neighbour's, which encrypts: no alert may come of it, until somebody enters it."""
    services.live.sensors.apply(SENSOR, Latest(SENSOR, 1, None, None, None, None, {}, 0, refused=Refused(NOW, 2)))
    text = (await client.get("/metrics")).text
    assert labelled(text, "shelly_sensor_refused") == {("plaintext_refused",): 2}
    assert not labelled(text, "shelly_sensor_silence")
    register(services, f"  {SENSOR}: {{name: Fridge}}\n")
    text = (await client.get("/metrics")).text
    assert labelled(text, "shelly_sensor_silence") == {("sensor", "lost", ""): 1}


async def test_who_heard_it_long_ago_does_not_hear_it(client: httpx.AsyncClient, services: Services) -> None:
    receptions = {GATEWAY: Reception(-66, NOW, 3), "attic": Reception(-90, NOW - 11 * MINUTE, 1)}
    services.live.sensors.apply(SENSOR, latest(receptions=receptions))
    assert labelled((await client.get("/metrics")).text, "shelly_sensor_rssi_dbm") == {(GATEWAY,): -66}


async def test_the_page_is_what_prometheus_client_would_write(services: Services) -> None:
    name = 'a "b" \\ c}, d'
    register(services, f"  {SENSOR}: {{name: '{name}', location: '{name}', limits: {{temperature: [2, 8]}}}}\n")
    services.live.sensors.apply(SENSOR, latest(values={"temperature": 1e17, "humidity": 0, "battery": 3}))
    services.live.sensors.apply(OTHER, latest(OTHER, seen=NOW - 6 * MINUTE))
    services.live.gateways.apply(GATEWAY, gateway(online=True))
    services.metrics.requests.labels('a "route"', "GET", "200").inc()

    def lines(text: bytes) -> list[bytes]:
        return sorted(line for line in text.splitlines() if b"process_" not in line)

    registry = services.metrics.registry
    assert lines(page(registry)) == lines(generate_latest(registry))
    assert name.replace("\\", "\\\\").replace('"', '\\"').encode() in page(registry)


async def test_gateways(client: httpx.AsyncClient, services: Services) -> None:
    services.live.gateways.apply(GATEWAY, gateway(online=True, reboots=2))
    services.live.gateways.apply("attic", gateway("attic", last_frame=NOW - 2 * MINUTE - 1))
    found = samples((await client.get("/metrics")).text)
    assert {(name, dict(labels)["gateway"]): value for (name, labels), value in found.items() if "gateway" in name} == {
        ("shelly_gateway_last_frame", GATEWAY): (NOW - 3_200) / 1000,
        ("shelly_gateway_last_frame", "attic"): (NOW - 2 * MINUTE - 1) / 1000,
        ("shelly_gateway_online", GATEWAY): 1,
        ("shelly_gateway_silent", GATEWAY): 0,
        ("shelly_gateway_silent", "attic"): 1,
        ("shelly_gateway_reboots", GATEWAY): 2,
        ("shelly_gateway_reboots", "attic"): 0,
    }


async def test_requests_are_counted_by_route_template(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    await client.get(f"/api/v1/sensors/{SENSOR}")
    await client.get("/api/v1/sensors/nonsense")
    await client.get("/health/live")
    await client.get("/no/such/page")
    await client.get("/api/v1/gateways/attic/with/slashes")
    await client.head("/api/v1/sensors")
    await client.request("BREW", "/api/v1/sensors")
    found = samples((await client.get("/metrics")).text)
    counted = {
        (labels["route"], labels["method"], labels["status"]): value
        for (name, pairs), value in found.items()
        if name == "bluflow_api_requests_total" and (labels := dict(pairs))
    }
    assert counted == {
        ("/api/v1/sensors/{sensor_id}", "GET", "200"): 1,
        ("/api/v1/sensors/{sensor_id}", "GET", "422"): 1,
        ("/health/live", "GET", "200"): 1,
        ("unmatched", "GET", "404"): 1,
        ("/api/v1/gateways/{gateway_id}", "GET", "404"): 1,
        ("/api/v1/sensors", "HEAD", "200"): 1,
        ("/api/v1/sensors", "other", "405"): 1,
    }


async def test_a_broken_off_stream_is_counted_as_such(services: Services) -> None:
    async with client_of(services, FakeHistory(count=3, fails_at=2)) as client:
        with pytest.raises(Exception, match="response already started"):
            await client.get(DATA)
    labels = {"route": "/api/v1/data/{sensor_id}", "method": "GET", "status": "aborted"}
    assert services.metrics.registry.get_sample_value("bluflow_api_requests_total", labels) == 1
