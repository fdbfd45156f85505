"""What `bluflow run` runs: the list of services in the order of starting, made from the settings of all processes."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from api.homeassistant.settings import HomeAssistantSettings
from api.settings import ApiSettings
from bridge.settings import BridgeSettings
from cli.embedded import kafka_command, mqtt_command, mqtt_config, write_private
from cli.kafka_folder import KafkaFolder
from cli.service import Service
from cli.settings import RunSettings
from runtime.sensors_file import open_sensors
from runtime.settings import load
from runtime.tls import asking_tls
from shelly.inventory.settings import InventorySettings
from streams.settings import StreamsSettings
from streams.sinks.settings import SinkSettings

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Stack:
    """The settings of everything that runs. Loading them all first finds a bad one before anything starts."""

    run: RunSettings
    bridge: BridgeSettings
    streams: StreamsSettings
    sinks: SinkSettings
    api: ApiSettings
    inventory: InventorySettings
    home_assistant: HomeAssistantSettings
    data: Path

    @classmethod
    def load(cls) -> "Stack":
        """From bluflow.yaml and the environment, with a look at the sensors file. Raises SettingsError."""
        run = load(RunSettings)
        open_sensors(run)
        return cls(
            run,
            load(BridgeSettings),
            load(StreamsSettings),
            load(SinkSettings),
            load(ApiSettings),
            load(InventorySettings),
            load(HomeAssistantSettings),
            run.data.absolute(),
        )

    @property
    def embedded_kafka(self) -> bool:
        return self.run.embedded_kafka

    @property
    def embedded_mqtt(self) -> bool:
        return "mqtt" not in self.bridge.model_fields_set

    @property
    def broker(self) -> str:
        return self.run.broker_address

    @property
    def mqtt_host(self) -> str:
        """The address that the embedded MQTT broker binds."""
        return self.run.lan or "127.0.0.1"

    @property
    def mqtt(self) -> str:
        """Where our own processes find MQTT."""
        return f"{_near(self.mqtt_host)}:{self.run.mqtt_port}" if self.embedded_mqtt else self.bridge.mqtt

    @property
    def password_file(self) -> Path:
        return self.data / "mqtt-password"

    @property
    def api_keys(self) -> Path:
        """The file of the API's keys; the API runs with our data folder."""
        return self.api.keys_path.absolute()

    def page(self, port: int) -> str:
        """host:port at which a page of ours can be asked."""
        return f"{_near(self.run.host)}:{port}"

    def ports(self) -> dict[str, tuple[str, str, int]]:
        """Setting -> (process, host, port) of everything that will listen."""
        host = self.run.host
        ports = {
            "BRIDGE_PORT": ("bridge", host, self.bridge.port),
            "STREAMS_PORT": ("worker", host, self.streams.port),
            "SINKS_PORT": ("sinks", host, self.sinks.port),
            "API_PORT": ("api", host, self.api.port),
            "INVENTORY_PORT": ("inventory", host, self.inventory.port),
        }
        if self.home_assistant.enabled:
            ports["HOMEASSISTANT_PORT"] = ("homeassistant", host, self.home_assistant.port)
        if self.embedded_kafka:
            ports["RUN_KAFKA_PORT"] = ("kafka", "127.0.0.1", self.run.kafka_port)
        if self.embedded_mqtt:
            ports["RUN_MQTT_PORT"] = ("mqtt", self.mqtt_host, self.run.mqtt_port)
        return ports

    def services(self, kafka_folder: KafkaFolder, topics_exist: Callable[[], Awaitable[None]]) -> list[Service]:
        """In the order of starting."""
        env, tls = self._env(), asking_tls(self.run)
        brokers = []
        if self.embedded_kafka:
            command = kafka_command(self.run.kafka_port, kafka_folder.folder)
            brokers.append(Service("kafka", command, address=self.broker, once_up=topics_exist))
        if self.embedded_mqtt:
            brokers.append(Service("mqtt", mqtt_command(self._write_mqtt_config()), address=self.mqtt))

        def process(name: str, *module: str, port: int, after: tuple[str, ...] = ()) -> Service:
            address, needs = self.page(port), ("kafka",)
            return Service(name, _python(*module), env, address, "/health/ready", tls, depends_on=needs, after=after)

        stack = [
            *brokers,
            process("sinks", "streams.sinks", port=self.sinks.port),
            process("worker", "streams", "worker", port=self.streams.port),
            process("bridge", "bridge", port=self.bridge.port, after=("mqtt",)),
            process("api", "api", port=self.api.port),
        ]
        # after the bridge, for which the answers are
        address, command = self.page(self.inventory.port), _python("shelly.inventory")
        stack.append(Service("inventory", command, env, address, "/health/ready", tls, after=("mqtt", "bridge")))
        if self.home_assistant.enabled:
            port = self.home_assistant.port
            stack.append(process("homeassistant", "api.homeassistant", port=port, after=("mqtt",)))
        if self.run.simulate:
            # after the bridge: what is published before it has subscribed for the first time, nobody keeps
            counts = ["--gateways", self.run.gateways, "--sensors", self.run.sensors, "--interval", self.run.interval]
            command = _python("cli", "simulate", *map(str, counts))
            stack.append(Service("simulator", command, env, after=("mqtt", "bridge")))
        return stack

    def _env(self) -> dict[str, str]:
        env = {
            "BROKER": self.broker,
            "MQTT": self.mqtt,
            "BLUFLOW_DATA": str(self.data),
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        if self.embedded_kafka:
            # this broker never forgets a member that died: only one of the same name gets its partitions back
            # nor does it ask for a login
            env |= dict.fromkeys(("KAFKA_USER", "KAFKA_PASSWORD_FILE", "KAFKA_CA_FILE"), "")
            env["STREAMS_MEMBER_ID"] = self.streams.member_id or "worker-0"
            env["SINKS_MEMBER_ID"] = self.sinks.member_id or "sinks-0"
        if self.embedded_mqtt and "subscriptions" not in self.bridge.model_fields_set:
            env["BRIDGE_SUBSCRIPTIONS"] = "#"
        if self.embedded_mqtt and "subscriptions" not in self.inventory.model_fields_set:
            env["INVENTORY_SUBSCRIPTIONS"] = "#"
        if self.embedded_mqtt and self.run.lan:
            for process in ("BRIDGE", "INVENTORY", "HOMEASSISTANT"):
                env[f"{process}_USER"] = self.run.mqtt_user
                env[f"{process}_PASSWORD_FILE"] = str(self.password_file)
        return env

    def _write_mqtt_config(self) -> Path:
        """The MQTT broker's configuration; with `lan` it asks for a login, whose password is made once."""
        user = password = None
        if self.run.lan:
            if not self.password_file.exists():
                write_private(self.password_file, secrets.token_urlsafe(18) + "\n")
            self.password_file.chmod(0o600)
            user, password = self.run.mqtt_user, self.password_file.read_text().strip()
        path = self.data / "mqtt.toml"
        write_private(path, mqtt_config(self.mqtt_host, self.run.mqtt_port, user=user, password=password))
        return path


def _python(*module: str) -> list[str]:
    # -P: a folder named `api` where the user happens to stand is not ours
    return [sys.executable, "-P", "-m", *module]


def _near(host: str) -> str:
    """The address at which to reach what binds `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
