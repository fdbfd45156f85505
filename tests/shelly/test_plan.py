"""The plan is a pure function: what differs is written, nothing else, and done once it is empty."""

from typing import Any

import pytest

from shelly.rpc.client import check_address
from shelly.rpc.errors import GatewayError
from shelly.setup.device import Device, Identity, Script
from shelly.setup.memory import Memory
from shelly.setup.plan import difference, plan
from shelly.setup.sensors import parse_lately
from shelly.setup.wanted import Broker, Wanted, parse_broker

PRO_2 = Identity("shellypro2-1", "SPSW-202XE12UL", 2, "1.6.2", False)
CODE = "print(1);\n"


def device(
    script: Script | None = None, mqtt: dict[str, Any] | None = None, ble: dict[str, Any] | None = None
) -> Device:
    set_mqtt = {"enable": True, "server": "b:1883", "user": None, "ssl_ca": None, "rpc_ntf": True, "client_id": "mine"}
    set_ble = {"enable": True, "rpc": {"enable": True}}
    return Device(
        PRO_2,
        frozenset(),
        {"sntp": {"server": "time.google.com"}, "location": {"tz": "Europe/Sofia"}},
        set_ble if ble is None else ble,
        set_mqtt | (mqtt or {}),
        {},
        {},
        0.0,
        script,
    )


RUNNING = Script(3, CODE, True, {"running": True})


def calls(of: Device, wanted: Wanted, memory: Memory | None = None) -> list[tuple[str, dict[str, Any]]]:
    return [(call.method, call.params) for step in plan(of, wanted, memory or Memory()) for call in step.calls]


def test_a_gateway_that_is_right_needs_no_step() -> None:
    assert plan(device(RUNNING), Wanted(Broker("b:1883"), CODE), Memory()) == []


def test_only_what_differs_is_written() -> None:
    of = device(RUNNING, mqtt={"rpc_ntf": False})
    assert calls(of, Wanted(Broker("b:1883"), CODE)) == [("MQTT.SetConfig", {"config": {"rpc_ntf": True}})]


def test_a_key_that_the_firmware_lacks_is_not_invented() -> None:
    assert calls(device(RUNNING, ble={"rpc": {"enable": False}}), Wanted(Broker("b:1883"), CODE)) == []


def test_the_script_starts_after_bluetooth_and_mqtt_are_set() -> None:
    of = device(None, mqtt={"enable": False}, ble={"enable": False, "rpc": {"enable": True}})
    methods = [method for method, _ in calls(of, Wanted(Broker("b:1883"), CODE))]
    assert methods == [
        "BLE.SetConfig", "MQTT.SetConfig", "Script.Create", "Script.PutCode", "Script.SetConfig", "Script.Start"
    ]  # fmt: skip


def test_a_stopped_script_with_the_right_code_is_only_started() -> None:
    stopped = Script(3, CODE, True, {"running": False})
    assert calls(device(stopped), Wanted(Broker("b:1883"), CODE)) == [("Script.Start", {"id": 3})]


def test_no_step_shows_a_password() -> None:
    wanted = Wanted(Broker("b:1883", user="u", password="hush"), CODE)
    steps = plan(device(), wanted, Memory())
    assert ("MQTT.SetConfig", {"config": {"user": "u", "pass": "hush"}}) in calls(device(), wanted)
    assert "hush" not in repr(steps)
    assert "hush" not in repr(wanted)


def test_a_password_is_known_again_by_its_digest_alone() -> None:
    memory = Memory()
    memory.learn("hush", None)
    assert (memory.knows_password("hush"), memory.knows_password("Hush")) == (True, False)
    assert "hush" not in repr(memory)


def test_difference_goes_into_nested_objects() -> None:
    present = {"a": 1, "b": {"c": True, "d": 2}, "e": None}
    assert difference(present, {"a": 1, "b": {"c": False, "d": 2}, "e": None}) == {"b": {"c": False}}
    assert difference({}, {"a": None}) == {"a": None}


@pytest.mark.parametrize(
    ("url", "server", "tls"),
    [
        ("tls://broker:8883", "broker:8883", True),
        ("mqtts://broker", "broker:8883", True),
        ("mqtt://10.0.0.2", "10.0.0.2:1883", False),
        ("10.0.0.2:1884", "10.0.0.2:1884", False),
        ("tls://[fd00::2]/", "[fd00::2]:8883", True),
    ],
)
def test_a_broker_s_address_may_be_written_so(url: str, server: str, tls: bool) -> None:
    assert parse_broker(url) == (server, tls)


@pytest.mark.parametrize("text", ["", "a b", "http://u@h", "host:port", "a/../b", "https://h"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(GatewayError):
        check_address(text)


def test_the_script_s_answer_is_read_however_it_is_quoted() -> None:
    packet = "7c:c6:b6:bd:4c:b5 44004e01 -66 1500;7c:c6:b6:bd:4c:b5 44004f01 -60 20;"
    for text in (packet, f'"{packet}"', f"'{packet}'"):
        [heard] = parse_lately(text).values()
        assert (heard.rssi, heard.age, heard.encrypted) == (-60, 0.02, False)
    assert parse_lately("undefined") == {}
