"""Start and stop: settings, port, exit codes."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.route import Filters
from bridge.settings import BridgeSettings
from runtime.mqtt_settings import check_filter
from runtime.settings import SettingsError, load
from tests.bridge.conftest import BridgeProcess, until

Bridges = Callable[..., BridgeProcess]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("subscriptions", "a/#/b", "'#' must be the whole last level"),
        ("client_id", "a/b", "client_id"),
        ("port", "0", "port"),
        ("password_file", "/nowhere/secret", "No such file"),
    ],
)
async def test_a_bad_setting_is_one_line_and_exit_2(bridge: Bridges, name: str, value: str, says: str) -> None:
    process = bridge("127.0.0.1:1", "127.0.0.1:1", **{name: value})
    await until(lambda: process.child.poll() is not None)
    assert process.child.returncode == 2
    (line,) = process.log.read_text().splitlines()
    assert says in line


async def test_a_taken_port_is_one_line_and_exit_2(bridge: Bridges) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        process = bridge("127.0.0.1:1", "127.0.0.1:1", port=str(holder.getsockname()[1]))
        await until(lambda: process.child.poll() is not None)
    assert process.child.returncode == 2
    (line,) = process.log.read_text().splitlines()
    assert "health page on 127.0.0.1" in line


async def test_it_lives_without_its_brokers_and_stops_in_order(bridge: Bridges) -> None:
    """Neither broker is there: alive, not ready with both causes, no traceback, exit 0."""
    process = bridge("127.0.0.1:1", "127.0.0.1:1")
    await until(lambda: "MQTT at" in process.cause() and "KafkaConnectionError" in process.cause())
    assert process.get("/health/live")[0] == 200
    assert await process.stop() == 0
    assert "Traceback" not in process.log.read_text()


@pytest.mark.parametrize("text", ["#", "+", "a/+/b", "a/#", "/", "a//b", "ü/+/#", "$SYS/#"])
def test_good_filters(text: str) -> None:
    assert check_filter(text) == text


@pytest.mark.parametrize("text", ["", "#/a", "a#", "a/b+", "+a/b", "a/##", "a\0b"])
def test_bad_filters(text: str) -> None:
    with pytest.raises(ValueError, match="MQTT topic filter"):
        check_filter(text)


def test_a_shared_subscription_is_refused() -> None:
    with pytest.raises(ValueError, match="shared subscription"):
        check_filter("$share/group/+/events/rpc")


@pytest.mark.parametrize(("given", "filters"), [("a/#, +/b", ["a/#", "+/b"]), ('["a,b/#"]', ["a,b/#"])])
def test_subscriptions_from_the_environment(monkeypatch: pytest.MonkeyPatch, given: str, filters: list[str]) -> None:
    monkeypatch.setenv("BRIDGE_SUBSCRIPTIONS", given)
    assert load(BridgeSettings).subscriptions == filters


def test_the_default_covers_what_gateways_and_scripts_publish(data: Path) -> None:
    """But for what is not for us (another's RPC answers, OpenMQTTGateway) and the bare MAC, which needs `+`."""
    wanted = Filters(load(BridgeSettings).subscriptions)
    missed = {
        one["topic"] for one in json.loads((data / "shelly-frames.json").read_text()) if not wanted.match(one["topic"])
    }
    assert missed == {"7c:c6:b6:bd:4c:b5", "etl-1/rpc", "home/OMG_BLE/BTtoMQTT/7CC6B6BD4CB5"}
    assert wanted.match("bluflow/shellypro2-a8032abe54dc/rpc")


def test_a_password_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by repr, and not by the message about another setting that is wrong."""
    monkeypatch.setenv("BRIDGE_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load(BridgeSettings))
    assert load(BridgeSettings).secret() == "hunter2"
    monkeypatch.setenv("MQTT", "nowhere")
    with pytest.raises(SettingsError) as error:
        load(BridgeSettings)
    assert "hunter2" not in str(error.value)
