"""`bluflow gateway setup` and `restore` against the stand-in gateway."""

import io
import json
import stat

import pytest

from shelly.setup.script import device_code
from tests.shelly.gateways import ADMIN, PEM, SECRET, Person
from tests.shelly.stand_in_gateway import StandInGateway


def test_a_boxed_gateway_is_set_up_with_one_command(person: Person, gateway: StandInGateway) -> None:
    done = person.set_up("--user", "gw", "--password-file", person.file("pw", SECRET + "\n"))
    assert done.code == 0, done
    assert gateway.ble["enable"] is True
    assert gateway.mqtt | {"enable": True, "server": "broker:1883", "user": "gw", "rpc_ntf": True} == gateway.mqtt
    assert gateway.mqtt_password == SECRET
    script = gateway.script()
    assert script is not None
    assert (script["code"], script["enable"], script["running"]) == (device_code(), True, True)
    assert gateway.reboots == 1
    assert gateway.answer("MQTT.GetStatus", {}) == {"connected": True}
    assert "connected to its MQTT broker" in done.out


def test_a_second_run_changes_nothing_and_says_so(person: Person, gateway: StandInGateway) -> None:
    given = ("--user", "gw", "--password-file", person.file("pw", SECRET))
    person.set_up(*given)
    remembered = person.memory.read_text()
    gateway.calls.clear()
    done = person.set_up(*given)
    assert (done.code, "nothing to do: it is set so already" in done.out) == (0, True)
    assert gateway.written() == []
    assert person.memory.read_text() == remembered


def test_a_new_password_is_set_though_it_cannot_be_read_back(person: Person, gateway: StandInGateway) -> None:
    person.set_up("--user", "gw", "--password-file", person.file("pw", SECRET))
    done = person.set_up("--user", "gw", "--password-file", person.file("pw", SECRET + "x"))
    assert (done.code, gateway.mqtt_password) == (0, SECRET + "x")
    assert "MQTT: password" in done.out


def test_a_dry_run_shows_the_plan_and_writes_nothing(person: Person, gateway: StandInGateway) -> None:
    done = person.run("setup", "--mqtt", "tls://broker:8883", "--dry-run")
    assert done.code == 0
    assert gateway.written() == []
    assert not person.memory.exists()
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[0] == "shellypro2-a8032abe54dc (SPSW-202XE12UL, firmware 1.6.2)"
    assert "1. Bluetooth: enable off -> on" in lines
    assert "2. MQTT: enable off -> on, server none -> broker:8883, ssl_ca none -> ca.pem" in lines
    assert lines[3].startswith("3. script bluflow: put it there")


def test_without_a_yes_it_asks_and_does_not_reboot(
    person: Person, gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody is there
    done = person.run("setup", "--mqtt", "mqtt://broker")
    assert (done.code, gateway.reboots) == (1, 0)
    assert "not rebooted" in done.out
    again = person.set_up()
    assert "reboot: it waits for one already" in again.out
    assert (again.code, gateway.reboots) == (0, 1)


def test_the_script_goes_over_in_pieces_that_the_gateway_can_take(person: Person, gateway: StandInGateway) -> None:
    person.set_up()
    pieces = [params for method, params in gateway.calls if method == "Script.PutCode"]
    assert len(pieces) > 1
    assert max(len(piece["code"]) for piece in pieces) <= 1024
    assert [piece["append"] for piece in pieces] == [False] + [True] * (len(pieces) - 1)


def test_another_version_of_the_script_is_replaced_while_it_runs(person: Person, gateway: StandInGateway) -> None:
    person.set_up()
    script = gateway.script()
    assert script is not None
    script["code"] = "// older\n"
    done = person.set_up("--interval", "320", "--window", "60")
    assert (done.code, gateway.reboots) == (0, 1)
    assert "replace its code" in done.out
    assert script["code"] == device_code(320, 60)
    assert "var INTERVAL_MS = 320;\nvar WINDOW_MS = 60;" in script["code"]
    assert script["running"]


def test_an_authority_s_certificate_is_put_there_once(person: Person, gateway: StandInGateway) -> None:
    given = ("--mqtt", "tls://broker:8883", "--ca", person.file("ca.pem", PEM), "--yes")
    assert person.run("setup", *given).code == 0
    assert (gateway.ca, gateway.mqtt["ssl_ca"]) == (PEM, "user_ca.pem")
    gateway.calls.clear()
    assert person.run("setup", *given).code == 0
    assert gateway.written() == []


@pytest.mark.parametrize("firmware", ["1.6.2", "2.0.0"])
def test_a_gateway_with_a_password_is_set_up_with_its_password(person: Person, gateway: StandInGateway) -> None:
    gateway.password = ADMIN
    done = person.set_up("--admin-password-file", person.file("admin", ADMIN))
    assert done.code == 0
    assert (gateway.reboots, gateway.refused_logins) == (1, 0)


@pytest.mark.parametrize("firmware", ["2.0.0"])
def test_firmware_2_has_no_switch_for_bluetooth_and_none_is_written(person: Person, gateway: StandInGateway) -> None:
    done = person.set_up()
    assert done.code == 0, done
    assert "BLE.SetConfig" not in gateway.written()
    assert gateway.script() is not None


def test_a_gateway_without_a_time_server_gets_one_and_another_s_is_left(
    person: Person, gateway: StandInGateway
) -> None:
    person.set_up()
    assert gateway.sys["sntp"]["server"] == "time.google.com"
    gateway.sys["sntp"]["server"] = None
    person.set_up()
    assert gateway.sys["sntp"]["server"] == "pool.ntp.org"
    person.set_up("--time-server", "10.0.0.1")
    assert gateway.sys["sntp"]["server"] == "10.0.0.1"


def test_a_broker_that_refuses_is_told_with_what_to_look_at(
    person: Person, gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelly.setup.apply._SETTLE", 0.0)
    gateway.accepts = lambda mqtt: mqtt["pass"] == "another"
    done = person.set_up("--user", "gw", "--password-file", person.file("pw", SECRET))
    assert done.code == 1
    assert "WRONG MQTT: not connected to broker:1883" in done.out


def test_rpc_over_mqtt_is_closed_when_asked(person: Person, gateway: StandInGateway) -> None:
    assert person.set_up("--close-rpc").code == 0
    assert gateway.mqtt["enable_rpc"] is False


def test_a_gateway_full_of_scripts_is_told(person: Person, gateway: StandInGateway) -> None:
    for n in range(10):
        gateway.answer("Script.Create", {"name": f"s{n}"})
    done = person.set_up()
    assert (done.code, "Scripts limit reached" in done.err) == (2, True)


def test_what_was_done_before_a_failure_is_taken_up_again(person: Person, gateway: StandInGateway) -> None:
    gateway.lacks = {"Script.SetConfig"}
    assert person.set_up().code == 2
    gateway.lacks = set()
    done = person.set_up()
    assert done.code == 0
    assert person.run("restore", "--yes").code == 0
    assert (gateway.mqtt["enable"], gateway.script()) == (False, None)


def test_restore_puts_everything_back_and_forgets(person: Person, gateway: StandInGateway) -> None:
    before = (dict(gateway.mqtt), dict(gateway.ble), dict(gateway.sys["sntp"]))
    given = ("--ca", person.file("ca.pem", PEM), "--user", "gw", "--password-file", person.file("pw", SECRET))
    person.run("setup", "--mqtt", "tls://broker:8883", "--time-server", "10.0.0.1", "--yes", *given)
    person.set_up()  # a second set-up must not make the first the state to go back to
    done = person.run("restore", "--yes")
    assert done.code == 0, done
    assert (gateway.mqtt, gateway.ble, gateway.sys["sntp"]) == before
    assert gateway.scripts == {}
    assert not person.memory.exists()
    again = person.run("restore")
    assert (again.code, "was not set up from here" in again.err) == (2, True)


def test_restore_brings_an_earlier_script_back(person: Person, gateway: StandInGateway) -> None:
    number = gateway.answer("Script.Create", {"name": "bluflow"})["id"]
    gateway.scripts[number]["code"] = "print(1);\n"
    person.set_up()
    assert gateway.scripts[number]["code"] == device_code()
    person.run("restore", "--yes")
    assert (
        gateway.scripts[number] | {"code": "print(1);\n", "enable": False, "running": False} == gateway.scripts[number]
    )


def test_restore_after_a_firmware_update_does_not_write_what_is_gone(person: Person, gateway: StandInGateway) -> None:
    person.set_up()
    gateway.firmware = "2.0.0"
    del gateway.ble["enable"]
    done = person.run("restore", "--yes")
    assert done.code == 0, done
    assert gateway.mqtt["enable"] is False


def test_restore_says_what_it_cannot_know(person: Person, gateway: StandInGateway) -> None:
    gateway.mqtt |= {"enable": True, "server": "old:1883", "user": "old"}
    person.set_up()
    done = person.run("restore", "--yes")
    assert (gateway.mqtt["server"], gateway.mqtt["user"]) == ("old:1883", "old")
    assert "the earlier MQTT password could not be read" in done.out


def test_what_is_remembered_holds_no_password_and_is_closed_to_others(person: Person, gateway: StandInGateway) -> None:
    person.set_up("--user", "gw", "--password-file", person.file("pw", SECRET))
    text = person.memory.read_text()
    assert SECRET not in text
    assert json.loads(text)["before"]["mqtt"]["enable"] is False
    assert stat.S_IMODE(person.memory.stat().st_mode) == 0o600


def test_a_damaged_memory_is_one_line_and_nothing_is_written(person: Person, gateway: StandInGateway) -> None:
    person.memory.parent.mkdir(parents=True)
    person.memory.write_text("{")
    done = person.set_up()
    assert (done.code, "is damaged" in done.err, gateway.written()) == (2, True, [])
