"""The running pipeline, scraped and judged by Debian's Prometheus and Alertmanager with the repository's files."""

from datetime import UTC, datetime, timedelta

import httpx

from tests.polling import until
from tests.watch.house import INTERVAL, NEVER_HEARD, SENSORS, House
from tests.watch.servers import Alert

FRIDGE = SENSORS[0]


def test_prometheus_reaches_every_process(house: House) -> None:
    jobs = {"bridge", "streams", "sinks", "api", "inventory", "prometheus", "alertmanager"}
    up = "up == 1"
    until(lambda: {one["metric"]["job"] for one in house.prometheus.query(up)} == jobs, 30, "all targets up")


def test_a_silenced_sensor_reaches_the_webhook_and_its_return_clears_it(house: House) -> None:
    about = {"alertname": "SensorStale", "sensor_id": FRIDGE}
    fresh = f'shelly_sensor_freshness{{sensor_id="{FRIDGE}", freshness="fresh"}} == 1'
    until(lambda: house.prometheus.query(fresh), 30, "the sensor is heard")
    assert not house.hook.got("firing", **about)
    house.silent.add(FRIDGE)
    until(lambda: house.hook.got("firing", **about), 10 * INTERVAL + 40, f"the alert: {house.hook.alerts}")
    [alert] = house.hook.got("firing", **about)[:1]
    assert alert["labels"].items() >= {"severity": "warning", "cause": "sensor", "location": "Kitchen"}.items()
    assert alert["annotations"]["summary"] == "Fridge (Kitchen) is silent"
    house.silent.remove(FRIDGE)
    until(lambda: house.hook.got("resolved", **about), 60, f"that it is over: {house.hook.alerts}")
    assert {one["labels"]["sensor_id"] for one in house.hook.got("firing", alertname="SensorStale")} == {
        FRIDGE,
        NEVER_HEARD,
    }


def test_a_silent_gateway_hushes_the_sensors_that_only_silent_ones_heard(house: House) -> None:
    stale = {"alertname": "SensorStale", "severity": "warning"}
    of_one = [
        {"alertname": "GatewaySilent", "gateway": "g1", "severity": "critical"},
        {**stale, "sensor_id": "only-g1", "cause": "gateway", "gateway": "g1"},
        {**stale, "sensor_id": "g2-is-silent-too", "cause": "gateway", "gateway": "g2"},
        {**stale, "sensor_id": "g2-speaks", "cause": "sensor", "gateway": "g1"},
    ]
    states = states_after(house, of_one, hushed={"only-g1"})
    assert {sensor for sensor, state in states.items() if state == "suppressed"} == {"only-g1"}
    until(lambda: house.hook.got("firing", sensor_id="g2-speaks"), 20, "what is not hushed")
    assert not house.hook.got("firing", sensor_id="only-g1")


def states_after(house: House, alerts: list[dict[str, str]], hushed: set[str]) -> dict[str, str]:
    """sensor -> active or suppressed, once Alertmanager has judged the alerts, which end by themselves."""
    url, end = f"http://{house.alertmanager}/api/v2/alerts", datetime.now(UTC) + timedelta(minutes=2)
    # the source first: it is known when the others are judged
    for labels in alerts:
        sent = httpx.post(url, json=[{"labels": labels, "endsAt": end.isoformat()}], timeout=10)
        assert sent.status_code == 200, sent.text

    def states() -> dict[str, str]:
        found: list[Alert] = httpx.get(url, timeout=10).json()
        return {one["labels"].get("sensor_id", ""): one["status"]["state"] for one in found}

    until(lambda: {one for one, state in states().items() if state == "suppressed"} == hushed, 20, f"{states()}")
    return states()
