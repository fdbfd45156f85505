"""The whole pipeline as the hardened stack runs it: login and TLS at mosquitto, Kafka and InfluxDB, keys at the API."""

import gc
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from cli.secret_folder import KEYS
from history.influx_server import InfluxServer
from history.store import StoreUnavailable
from runtime.kafka import topics_of
from tests.cli.processes import bluflow
from tests.deploy.conftest import Connection, Hardened
from tests.deploy.secured_kafka import SecuredKafka
from tests.influxdb import Influx
from tests.pages_tls import pages_tls
from tests.polling import until
from tests.stack import running_stack
from tests.test_one_frame import SENSOR, answer, frame_of_now

Set = Callable[[dict[str, str]], None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Set:
    def given(settings: dict[str, str]) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return given


def test_a_frame_goes_from_a_gateway_to_the_api_through_logins_and_tls(
    secured: SecuredKafka,
    hardened: Hardened,
    connect: Callable[..., Connection],
    influx: Influx,
    https: str,
    tmp_path: Path,
    data: Path,
) -> None:
    topic, payload = frame_of_now(data, "shelly_blu_decoded")
    prefix = topic.partition("/")[0]
    hardened.secrets.add_gateway(prefix)
    hardened.broker.child.send_signal(1)
    mqtt = {
        "MQTT": hardened.address,
        "BRIDGE_USER": "bridge",
        "BRIDGE_PASSWORD_FILE": str(hardened.password_file("bridge")),
        "BRIDGE_CA_FILE": str(hardened.ca),
        "BRIDGE_CLIENT_ID": "bluflow-bridge-whole",
        "INVENTORY_USER": "operator",
        "INVENTORY_PASSWORD_FILE": str(hardened.password_file("operator")),
        "INVENTORY_CA_FILE": str(hardened.ca),
    }
    history = {
        "HISTORY": "influxdb",
        "INFLUXDB_URL": https,
        "INFLUXDB_BUCKET": influx.make_buckets(),
        "INFLUXDB_TOKEN_FILE": str(influx.token_file),
        "SSL_CERT_FILE": str(hardened.ca),
    }
    keys = {"API_KEYS": "required", "API_KEYS_FILE": str(hardened.secrets.folder / KEYS)}
    pages = pages_tls(hardened.secrets.folder, tmp_path)
    given = {**secured.login(), **mqtt, **history, **keys, **pages}
    with running_stack(tmp_path / "data", SIMULATE="0", **given) as stack:
        assert f"https://127.0.0.1:{stack.ports['API_PORT']}/" in stack.screen()
        stack.sign_in((hardened.secrets.folder / "api-key-page").read_text().strip())
        connect(prefix).publish(topic, payload)
        until(lambda: answer(stack, f"/api/v1/sensors/{SENSOR}"), 60, "the sensor on the API")
        until(lambda: answer(stack, f"/api/v1/data/{SENSOR}")["data"], 60, "the row in history")
        assert answer(stack, f"/api/v1/sensors/{SENSOR}")["gateway"] == prefix
        logs = "".join(path.read_text() for path in (tmp_path / "data" / "logs").iterdir())
    for user in ("bridge", "operator"):
        assert hardened.password(user) not in logs
    assert (secured.secrets / "kafka-bluflow").read_text().strip() not in logs


async def test_influxdb_of_an_authority_that_nobody_named_is_not_believed(
    https: str,
    influx: Influx,
) -> None:
    server = InfluxServer(https, "bluflow", influx.token_file, timeout=10)
    with pytest.raises(StoreUnavailable, match="certificate"):
        await server.buckets()
    await server.close()


async def test_kafka_lets_in_who_has_the_password(secured: SecuredKafka, settings: Set) -> None:
    settings(secured.login())
    assert isinstance(await topics_of(secured.address), set)


@pytest.mark.parametrize("missing", ["KAFKA_USER", "KAFKA_CA_FILE"])
async def test_kafka_refuses_who_does_not_log_in_or_speaks_plain_text(
    secured: SecuredKafka, settings: Set, missing: str
) -> None:
    settings(secured.login() | {missing: ""})
    with pytest.raises(KafkaError):
        await topics_of(secured.address)


# aiokafka leaves a refused connection to the garbage collector, which may come by in any later test: so here
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_kafka_refuses_a_wrong_password(
    secured: SecuredKafka, settings: Set, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "aiokafka")  # a command tested before in this process may have hushed it
    (tmp_path / "wrong").write_text("wrong")
    settings(secured.login() | {"KAFKA_PASSWORD_FILE": str(tmp_path / "wrong")})
    with pytest.raises(KafkaError):
        await topics_of(secured.address)
    assert "SaslAuthenticationFailed" in caplog.text
    gc.collect()


def test_a_wrong_password_is_one_line_on_the_command_line(secured: SecuredKafka, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("swordfish")
    login = secured.login() | {"KAFKA_PASSWORD_FILE": "wrong"}
    done = bluflow("topics", "--create", folder=tmp_path, **login)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "swordfish" not in done.stderr
