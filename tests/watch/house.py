"""A house of simulated sensors, the whole embedded pipeline into a real InfluxDB, and what watches over it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.publish as mqtt_publish

from cli.secret_folder import KEYS, SecretFolder
from shelly.publisher import Publisher
from shelly.world.scenario import house
from shelly.world.shapes.shape import heartbeat
from shelly.world.world import World, addresses
from tests.influxdb import Influx
from tests.pages_tls import pages_tls
from tests.polling import until
from tests.stack import Stack, running_stack
from tests.watch.mail import Mail, mail_server
from tests.watch.servers import Page, Prometheus, Webhook, alertmanager, prometheus, webhook

SCENARIO = house(gateways=2, sensors=4, interval=1.0, seed=3, loss=0.05)
SENSORS = addresses(SCENARIO)
NEVER_HEARD = "7c:c6:b6:ff:ff:01"  # registered: lost from the start
REBOOTED = "shellypro2-0cb815fcaff4"  # a gateway that restarts, when it is told to
MAILBOX = "home@example.org"
INTERVAL = 2  # seconds that the registry expects: stale after ten

_REGISTRY = f"""
sensors:
  {SENSORS[0]}: {{name: Fridge, location: Kitchen, expected_interval: {INTERVAL}, limits: {{temperature: [-40, 90]}}}}
  {SENSORS[1]}: {{name: Oven, location: Kitchen, limits: {{humidity: [null, 100]}}}}
  {SENSORS[2]}: {{location: Cellar}}
  {NEVER_HEARD}: {{name: Ghost, location: Attic}}
"""


class House(NamedTuple):
    """What runs. A sensor in `silent` is heard by nobody."""

    stack: Stack
    influx: Influx
    bucket: str
    silent: set[str]
    prometheus: Prometheus
    hook: Webhook
    alertmanager: Page
    mails: list[Mail]

    def publish(self, topic: str, payload: bytes) -> None:
        """One message of REBOOTED."""
        host, port = self.stack.mqtt.split(":")
        mqtt_publish.single(f"{REBOOTED}/{topic}", payload, qos=1, hostname=host, port=int(port), client_id="")

    def beat(self, up: int) -> None:
        """REBOOTED says that it has been up for so many seconds."""
        topic, payload = heartbeat(REBOOTED, int(time.time() * 1000), up=up, heard=0, sent=0)
        self.publish(topic.removeprefix(f"{REBOOTED}/"), payload)


@contextmanager
def watched_house(folder: Path, influx: Influx) -> Iterator[House]:
    """All of it while the context lasts."""
    bucket = influx.make_buckets()
    token, registry = folder / "token", folder / "sensors.yaml"
    token.write_text(influx.token_file.read_text())
    token.chmod(0o600)
    registry.write_text(_REGISTRY)
    secrets = SecretFolder(folder / "secrets")
    secrets.complete([], [])
    env = {
        "SIMULATE": "0",
        "HISTORY": "influxdb",
        "INFLUXDB_URL": influx.url,
        "INFLUXDB_BUCKET": bucket,
        "INFLUXDB_TOKEN_FILE": str(token),
        "BLUFLOW_SENSORS_FILE": str(registry),
        "API_KEYS": "required",
        "API_KEYS_FILE": str(secrets.folder / KEYS),
    }
    with ExitStack() as running:
        hook = running.enter_context(webhook())
        smtp, mails = running.enter_context(mail_server())
        receivers = {
            "ALERT_WEBHOOK_URL": hook.url,
            "ALERT_EMAIL_TO": MAILBOX,
            "ALERT_SMTP": smtp,
            "ALERT_SMTP_TLS": "false",
        }
        manager = running.enter_context(alertmanager(folder, secrets.folder, **receivers))
        env |= pages_tls(secrets.folder, folder)
        stack = running.enter_context(running_stack(folder / "data", **env))
        stack.sign_in((secrets.folder / "api-key-page").read_text().strip())
        silent = running.enter_context(_sensors(stack.mqtt))
        until(lambda: _all_fresh(stack), 60, "every sensor heard")
        jobs = {"bridge": "BRIDGE", "streams": "STREAMS", "sinks": "SINKS", "api": "API", "inventory": "INVENTORY"}
        targets = {job: f"127.0.0.1:{stack.ports[f'{name}_PORT']}" for job, name in jobs.items()}
        watching = running.enter_context(
            prometheus(folder, secrets.folder, {**targets, "alertmanager": manager.address})
        )
        yield House(stack, influx, bucket, silent, watching, hook, manager, mails)


def _all_fresh(stack: Stack) -> bool:
    answer = stack.get("/api/v1/sensors")
    sensors = answer.json()["sensors"] if answer is not None and answer.status_code == 200 else []
    return {one["id"] for one in sensors if one["freshness"] == "fresh"} == set(SENSORS)


@contextmanager
def _sensors(mqtt: str) -> Iterator[set[str]]:
    """The scenario's gateways and sensors on a thread; gives who is silent."""
    start, silent = int(time.time() * 1000), set[str]()
    world = World(SCENARIO, start, silent.__contains__)
    publisher = Publisher(mqtt, [gateway.name for gateway in world.gateways], lossless=True)

    def play() -> None:
        publisher.wait_connected(20)
        publisher.play(world.messages(), due=lambda message: message.at / 1000)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield silent
    finally:
        publisher.stop()
        thread.join()
        publisher.close()
