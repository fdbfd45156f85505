"""`bluflow gateway check`, `sensors`, `discover` and `setup --native` against the stand-in gateway."""

import base64
import json
from collections.abc import Callable

import pytest

from tests.shelly.device import adv, run
from tests.shelly.gateways import ADMIN, Person
from tests.shelly.rpc_server import serving
from tests.shelly.stand_in_gateway import StandInGateway

MAC, OTHER, SECRET_MAC = "7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:09", "7c:c6:b6:01:02:03"
HT, ENCRYPTED = "44004e01642e3f45df00", "451aab52a6ba2941ce544bfbd366ce74a710"
H_AND_T = [{"obj_id": number, "idx": 0} for number in (1, 46, 69)]

Break = Callable[[StandInGateway], object]


@pytest.fixture
def well(person: Person, gateway: StandInGateway) -> Person:
    """A gateway that was set up, has a password and takes no RPC over MQTT."""
    gateway.password = ADMIN
    person.file("admin", ADMIN)
    assert person.set_up("--close-rpc", "--admin-password-file", "admin").code == 0
    return person


def checked(person: Person) -> tuple[int, list[dict[str, object]]]:
    done = person.run("check", "--json", "--admin-password-file", "admin")
    return done.code, json.loads(done.out)


def test_a_gateway_that_is_well_has_no_findings(well: Person) -> None:
    assert checked(well) == (0, [])
    assert "all is well" in well.run("check", "--admin-password-file", "admin").out


def _script(**changes: object) -> Break:
    return lambda gateway: (gateway.script() or {}).update(changes)


def _set(**changes: object) -> Break:
    return lambda gateway: vars(gateway).update(changes)


@pytest.mark.parametrize(
    ("break_it", "what", "serious"),
    [
        (_set(has_time=False), "clock: not set yet", True),
        (_set(clock_ahead=-3600.0), "clock: 3600 s behind this machine's", True),
        (_set(clock_ahead=300.0), "clock: 300 s ahead of this machine's", True),
        (lambda gateway: gateway.sys["sntp"].update(server=None), "clock: it has no time server", True),
        (lambda gateway: gateway.ble.update(enable=False), "Bluetooth: off, so no sensor is heard", True),
        (lambda gateway: gateway.ble["rpc"].update(enable=False), "Bluetooth: its RPC is off", False),
        (lambda gateway: gateway.mqtt.update(enable=False), "MQTT: off", True),
        (_set(accepts=lambda mqtt: False), "MQTT: not connected to broker:1883", True),
        (lambda gateway: gateway.mqtt.update(rpc_ntf=False), "MQTT: its events are switched off", True),
        (lambda gateway: gateway.mqtt.update(topic_prefix="a/b"), "MQTT: the topic prefix a/b has several", True),
        (lambda gateway: gateway.mqtt.update(enable_rpc=True), "RPC open over MQTT", False),
        (_set(password=None), "RPC open over HTTP", False),
        (_script(running=False), "script: stopped", True),
        (_script(running=False, errors=["out_of_memory"]), "script: it ran out of memory", True),
        (_script(running=False, errors=["syntax_error"]), "script: it stopped with syntax_error", True),
        (_script(enable=False), "script: it does not start with the gateway", True),
        (_script(code="print(1);"), "script: not the code of this version", False),
        (lambda gateway: gateway.scripts.clear(), "script: not there", True),
        (_set(mem_free=900), "script: only 900 bytes of memory are free", False),
        (_set(restart_required=True), "it waits for a reboot", True),
        (_set(firmware="1.4.4"), "older than 1.5.0", True),
        (_set(firmware="4.0.0"), "newer than what is known here", True),
    ],
)
def test_what_is_wrong_is_told_with_how_to_mend_it(
    well: Person, gateway: StandInGateway, break_it: Break, what: str, serious: bool
) -> None:
    break_it(gateway)
    code, found = checked(well)
    [finding] = found
    assert what in str(finding["what"])
    assert finding["mend"]
    assert (finding["serious"], code) == (serious, int(serious))


@pytest.mark.parametrize("firmware", ["2.0.0"])
def test_firmware_2_is_well_without_a_switch_for_bluetooth(well: Person) -> None:
    assert checked(well) == (0, [])


def test_a_boxed_gateway_has_all_its_faults_told_at_once(person: Person) -> None:
    done = person.run("check")
    assert done.code == 1
    for what in ("Bluetooth: off", "MQTT: off", "script: not there", "RPC open over HTTP"):
        assert what in done.out


def test_scan_times_of_one_s_own_are_no_fault(well: Person) -> None:
    arguments = ("--close-rpc", "--interval", "320", "--window", "60", "--admin-password-file", "admin")
    assert well.set_up(*arguments).code == 0
    assert checked(well) == (0, [])


def test_sensors_are_told_by_the_script_itself(well: Person, gateway: StandInGateway) -> None:
    told = run(
        adv(6000, MAC, HT, rssi=-66), adv(7000, SECRET_MAC, ENCRYPTED, rssi=-91), {"at": 7500, "eval": "lately()"}
    )
    [gateway.lately] = told.evaluated
    done = well.run("sensors", "--seconds", "0", "--json", "--admin-password-file", "admin")
    assert done.code == 0
    assert json.loads(done.out) == [
        {"mac": SECRET_MAC, "rssi": -91, "age": 0.5, "encrypted": True},
        {"mac": MAC, "rssi": -66, "age": 1.5, "encrypted": False},
    ]
    table = well.run("sensors", "--seconds", "0", "--admin-password-file", "admin")
    assert table.out.splitlines()[2].split() == [MAC, "-66", "2", "no"]
    assert table.err == "2 sensors\n"


def test_sensors_of_a_gateway_without_script_come_from_its_own_cache(person: Person, gateway: StandInGateway) -> None:
    gateway.relayed = {mac: base64.b64encode(bytes.fromhex(HT)).decode() for mac in (MAC, OTHER, "7c:c6:b6:00:00:0a")}
    done = person.run("sensors", "--seconds", "0", "--json")
    assert [each["mac"] for each in json.loads(done.out)] == sorted(gateway.relayed)


def test_sensors_of_a_stopped_script_are_not_made_up(person: Person, gateway: StandInGateway) -> None:
    person.set_up()
    (gateway.script() or {})["running"] = False
    done = person.run("sensors", "--seconds", "0")
    assert (done.code, "our script is there but stopped" in done.err) == (2, True)


def test_native_components_are_set_up_and_taken_away_again(person: Person, gateway: StandInGateway) -> None:
    gateway.in_reach = {MAC: H_AND_T, OTHER: H_AND_T}
    gateway.ble["enable"] = gateway.mqtt["enable"] = True
    done = person.set_up("--native", "--sensor", MAC.upper(), "--sensor", OTHER.replace(":", ""))
    assert done.code == 0, done
    held = [(each["key"].split(":")[0], each["config"]["addr"]) for each in gateway.components]
    assert sorted(held) == sorted([("bthomedevice", MAC), *[("bthomesensor", MAC)] * 3,
                                   ("bthomedevice", OTHER), *[("bthomesensor", OTHER)] * 3])  # fmt: skip
    assert (gateway.mqtt["status_ntf"], gateway.scripts) == (True, {})
    gateway.calls.clear()
    again = person.set_up("--native", "--sensor", MAC, "--sensor", OTHER)
    assert ("nothing to do" in again.out, gateway.written()) == (True, [])
    heard = json.loads(person.run("sensors", "--json").out)
    assert [(each["mac"], each["rssi"]) for each in heard] == [(OTHER, -66), (MAC, -66)]
    assert person.run("restore", "--yes").code == 0
    assert gateway.components == []


def test_native_components_take_the_sensors_that_the_gateway_has_heard(person: Person, gateway: StandInGateway) -> None:
    gateway.relayed = {MAC: base64.b64encode(bytes.fromhex(HT)).decode()}
    gateway.in_reach = {MAC: H_AND_T}
    assert person.set_up("--native").code == 0
    assert {each["config"]["addr"] for each in gateway.components} == {MAC}


def test_a_native_sensor_that_is_half_there_is_completed(person: Person, gateway: StandInGateway) -> None:
    gateway.in_reach = {MAC: []}
    failed = person.set_up("--native", "--sensor", MAC)
    assert (failed.code, "nothing that 7c:c6:b6:bd:4c:b5 measures was heard" in failed.err) == (2, True)
    gateway.in_reach = {MAC: H_AND_T}
    assert person.set_up("--native", "--sensor", MAC).code == 0
    assert len(gateway.components) == 4


def test_a_sensor_out_of_reach_is_told(person: Person) -> None:
    done = person.set_up("--native", "--sensor", MAC)
    assert (done.code, f"no packet of {MAC} was heard" in done.err) == (2, True)


def test_native_takes_the_place_of_the_script(person: Person, gateway: StandInGateway) -> None:
    person.set_up()
    gateway.in_reach = {MAC: H_AND_T}
    assert person.set_up("--native", "--sensor", MAC).code == 0
    assert gateway.scripts == {}


def test_discover_asks_the_addresses_it_is_given(person: Person, free_port: Callable[[], int]) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    other = StandInGateway("2.0.0", password=ADMIN)
    with serving(other) as address:
        done = person.raw("discover", person.address, address, nobody, "--json")
    first, second, third = json.loads(done.out)
    assert (first["gateway"], first["firmware"], first["password"]) == ("shellypro2-a8032abe54dc", "1.6.2", False)
    assert (second["firmware"], second["password"]) == ("2.0.0", True)
    assert (third["address"], "unreachable" in third["trouble"]) == (nobody, True)
