"""The running pipeline, scraped and judged by Debian's Prometheus and Alertmanager with the repository's files."""

import subprocess
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import httpx
import pytest
import yaml

from cli.page_logins import USER
from tests.deploy.compose import COMBINATIONS, merged
from tests.polling import until
from tests.watch.house import INTERVAL, MAILBOX, NEVER_HEARD, SENSORS, House
from tests.watch.servers import Alert, Page

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
    until(lambda: house.hook.got("firing", **about), 10 * INTERVAL + 60, "the alert")
    alert = house.hook.got("firing", **about)[0]
    assert alert["labels"].items() >= {"severity": "warning", "cause": "sensor", "location": "Kitchen"}.items()
    assert alert["annotations"]["summary"] == "Fridge (Kitchen) is silent"
    house.silent.remove(FRIDGE)
    until(lambda: house.hook.got("resolved", **about), 60, "that it is over")
    assert {one["labels"]["sensor_id"] for one in house.hook.got("firing", alertname="SensorStale")} == {
        FRIDGE,
        NEVER_HEARD,
    }


def test_an_alert_comes_by_mail_too(house: House) -> None:
    def mailed() -> list[str]:
        return [mail.text for mail in house.mails if mail.to == MAILBOX and "SensorStale" in mail.text]

    until(mailed, 60, f"the mail about the sensor that was never heard: {house.mails}")
    assert "Subject: [FIRING:" in mailed()[0]
    assert "Ghost (Attic) is silent" in mailed()[0]


def test_silent_gateways_and_a_stuck_pipeline_hush_the_sensors_that_they_explain_and_no_others(house: House) -> None:
    stale = {"alertname": "SensorStale", "severity": "warning"}
    alerts = [
        {"alertname": "GatewaySilent", "gateway": "g1", "severity": "critical"},
        {**stale, "sensor_id": "only-g1", "cause": "gateway", "gateway": "g1"},
        {**stale, "sensor_id": "g2-is-silent-too", "cause": "gateway", "gateway": "g2"},
        {**stale, "sensor_id": "g2-speaks", "cause": "sensor", "gateway": "g1"},
        {"alertname": "WorkerStuck", "instance": "w", "severity": "critical"},
        {**stale, "sensor_id": "nobody-knows", "cause": "pipeline", "gateway": "g2"},
    ]
    hush(house, alerts, {"only-g1", "nobody-knows"})
    for sensor in ("g2-speaks", "g2-is-silent-too"):
        until(lambda sensor=sensor: house.hook.got("firing", sensor_id=sensor), 20, sensor)  # type: ignore[misc]
    assert not house.hook.got("firing", sensor_id="only-g1")
    assert not house.hook.got("firing", sensor_id="nobody-knows")


def hush(house: House, alerts: list[dict[str, str]], sensors: set[str]) -> None:
    """Give Alertmanager these alerts, which end by themselves; return once it hushes those of these sensors alone."""
    path, end = "/api/v2/alerts", datetime.now(UTC) + timedelta(minutes=2)
    # the source first: it is known when the others are judged
    for labels in alerts:
        house.alertmanager.tell(path, [{"labels": labels, "endsAt": end.isoformat()}])

    def hushed() -> set[str]:
        found: list[Alert] = house.alertmanager.ask(path).json()
        return {one["labels"].get("sensor_id", "") for one in found if one["status"]["state"] == "suppressed"}

    until(lambda: hushed() == sensors, 20, "what is hushed")


@pytest.mark.parametrize("server", ["prometheus", "alertmanager"])
def test_a_page_is_served_over_tls_alone_and_to_whom_knows_its_password(house: House, server: str) -> None:
    page: Page = getattr(house, server)
    assert httpx.get(f"http://{page.address}/-/ready", timeout=10).status_code == 400
    for path in ("/-/ready", "/metrics", "/api/v1/status/buildinfo", "/api/v2/status"):
        for auth in (None, (USER, "wrong"), (USER, ""), ("root", page.login[1])):
            assert page.ask(path, auth=auth).status_code == 401, (path, auth)
    assert page.ask("/-/ready").status_code == 200


def test_each_page_has_a_password_of_its_own(house: House) -> None:
    assert house.prometheus.ask("/-/ready", auth=house.alertmanager.login).status_code == 401
    assert house.alertmanager.ask("/-/ready", auth=house.prometheus.login).status_code == 401


def test_the_health_check_of_alertmanager_is_answered(house: House) -> None:
    folder = house.stack.data.parent
    said = merged(COMBINATIONS["default"])["services"]["alertmanager"]["healthcheck"]["test"][1:]
    places = {"/etc/alertmanager": str(folder / "alertmanager"), "https://localhost:9093": house.alertmanager.url}
    command = [reduce(lambda text, place: text.replace(*place), places.items(), word) for word in said]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_the_health_check_of_prometheus_reads_logs_in(house: House) -> None:
    """Debian's promtool is older than `check ready`: the file is read here as amtool and Prometheus read theirs."""
    said = merged(COMBINATIONS["default"])["services"]["prometheus"]["healthcheck"]["test"]
    assert "--http.config.file=/etc/prometheus/asking.yml" in said
    asking = yaml.safe_load((house.stack.data.parent / "prometheus" / "asking.yml").read_text())
    login, password = asking.pop("basic_auth"), Path(asking["tls_config"]["ca_file"]).with_name("prometheus-password")
    assert login == {"username": USER, "password_file": str(password)}
    assert asking == {"tls_config": {"ca_file": str(password.with_name("ca.crt"))}}
    assert house.prometheus.ask("/-/ready", auth=(USER, password.read_text().strip())).status_code == 200
