"""What a gateway can refuse: one line that says what, where and how to mend it, exit 2, never a password."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.shelly.gateways import ADMIN, PEM, SECRET, Person
from tests.shelly.stand_in_gateway import StandInGateway

COMMANDS = [("setup", "--mqtt", "mqtt://b:1883", "--yes"), ("check",), ("restore",), ("sensors", "--seconds", "0")]


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert text.startswith("bluflow: ")
    return text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_wrong_password(person: Person, gateway: StandInGateway, command: tuple[str, ...]) -> None:
    gateway.password = ADMIN
    done = person.run(*command, "--admin-password-file", person.file("admin", "wrong"))
    assert done.code == 2
    assert "wrong password for the gateway's user admin" in one_line(done.err)
    assert gateway.written() == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_password_that_nobody_gave(person: Person, gateway: StandInGateway, command: tuple[str, ...]) -> None:
    gateway.password = ADMIN
    done = person.run(*command)
    assert done.code == 2
    assert f"the password of {gateway.id} is needed: name a file that holds it with --admin" in one_line(done.err)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_gateway_that_cannot_be_reached(
    person: Person, command: tuple[str, ...], free_port: Callable[[], int]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    done = person.raw(command[0], address, *command[1:])
    assert done.code == 2
    assert f"{address}: unreachable" in one_line(done.err)


@pytest.mark.parametrize(
    ("firmware", "told"),
    [
        ("1.4.4", "older than 1.5.0; update it first"),
        ("3.0.0", "newer than what is known here (below 3.0.0); --any-firmware"),
        ("2025-beta", "no firmware we know"),
    ],
)
def test_a_firmware_that_is_too_old_or_too_new(
    person: Person, gateway: StandInGateway, firmware: str, told: str
) -> None:
    done = person.set_up()
    assert done.code == 2
    assert told in one_line(done.err)
    assert gateway.written() == []


@pytest.mark.parametrize("firmware", ["3.0.0"])
def test_an_unknown_firmware_is_tried_when_asked(person: Person, gateway: StandInGateway) -> None:
    assert person.set_up("--any-firmware").code == 0
    assert gateway.script() is not None


def test_a_shelly_of_the_first_generation(person: Person, gateway: StandInGateway) -> None:
    gateway.generation = 1
    done = person.set_up()
    assert done.code == 2
    assert "a Shelly of the first generation has no RPC" in one_line(done.err)


@pytest.mark.parametrize(
    ("more", "lacks", "told"),
    [
        ((), "Script.PutCode", "(SPSW-202XE12UL) cannot be a gateway: it has no Script.PutCode"),
        (("--native",), "BTHome.AddDevice", "it has no BTHome.AddDevice; without --native it may do"),
    ],
)
def test_a_model_that_cannot_be_a_gateway(
    person: Person, gateway: StandInGateway, more: tuple[str, ...], lacks: str, told: str
) -> None:
    gateway.lacks = {lacks}
    done = person.set_up(*more)
    assert done.code == 2
    assert told in one_line(done.err)


@pytest.mark.parametrize(
    ("status", "location", "told"),
    [
        (200, "", "no Shelly of the second generation or later answers there"),
        (302, "https://gateway/rpc", "answers by HTTPS alone; switch Enhanced Security off"),
    ],
)
def test_something_else_than_rpc_over_http(person: Person, status: int, location: str, told: str) -> None:
    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Web)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        done = person.raw("check", f"127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert done.code == 2
    assert told in one_line(done.err)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--mqtt", "http://b"), "http:// is no way to an MQTT broker"),
        (("--mqtt", "mqtt://u:p@b"), "no user or password in the address"),
        (("--mqtt", "mqtt://b:99999"), "is no address of an MQTT broker"),
        (("--mqtt", "mqtt://b", "--window", "300"), "the window must be 10 to 100 ms"),
        (("--mqtt", "mqtt://b", "--native", "--sensor", "xy"), "not a MAC address"),
        (("--mqtt", "mqtt://b", "--ca", "ca.pem"), "--ca goes with tls://"),
        (("--mqtt", "tls://b", "--ca", "no.pem"), "no.pem cannot be read"),
        (("--mqtt", "tls://b", "--ca", "empty.pem"), "empty.pem holds no certificate"),
        (("--mqtt", "tls://b", "--ca", "key.pem"), "holds a private key"),
        (("--mqtt", "mqtt://b", "--password-file", "pw"), "--password-file goes with --user"),
        (("--mqtt", "mqtt://b", "--user", "u"), "password of the MQTT user u is needed"),
        (("--mqtt", "mqtt://b", "--user", "u", "--password-file", "empty.pem"), "empty.pem is empty"),
        (("--mqtt", "mqtt://b", "--native", "--close-rpc"), "--close-rpc does not go with --native"),
        (("--mqtt", "mqtt://b", "--native"), "name each with --sensor MAC"),
        (("--mqtt", "mqtt://b", "--native", "--window", "100"), "--interval and --window are the script's"),
        (("--mqtt", "mqtt://b", "--sensor", "7c:c6:b6:bd:4c:b5"), "--sensor goes with --native"),
        ((), "--mqtt"),
    ],
)
def test_a_mistake_in_the_command(
    person: Person, gateway: StandInGateway, arguments: tuple[str, ...], told: str
) -> None:
    person.file("empty.pem", "")
    person.file("key.pem", PEM + "-----BEGIN PRIVATE KEY-----\n")
    done = person.run("setup", *arguments, "--yes")
    assert done.code == 2
    assert told in one_line(done.err)
    assert gateway.written() == []


@pytest.mark.parametrize("address", ["http://a/b?c", "127.0.0.1:99999", "127.0.0.1:0", "", " ", "[::1"])
def test_an_address_that_is_none(person: Person, address: str) -> None:
    done = person.raw("check", address)
    assert (done.code, "is no address" in one_line(done.err)) == (2, True)


def test_a_password_in_the_address_is_not_said_again(person: Person) -> None:
    done = person.raw("check", f"http://admin:{ADMIN}@127.0.0.1")
    assert (done.code, "no user or password in the address" in one_line(done.err)) == (2, True)


def test_a_gateway_on_which_nothing_listens_for_sensors(person: Person) -> None:
    done = person.run("sensors", "--seconds", "0")
    assert (done.code, "nothing there listens for sensors" in one_line(done.err)) == (2, True)


def test_what_a_device_calls_itself_cannot_steer_the_terminal(person: Person, gateway: StandInGateway) -> None:
    gateway.model = "\x1b[2J\nevil"
    done = person.run("check")
    assert "\x1b" not in done.out
    assert "evil" in done.out.splitlines()[0]


def test_a_password_file_that_others_can_read_is_told(person: Person, gateway: StandInGateway) -> None:
    path = Path(person.file("pw", SECRET))
    path.chmod(0o644)
    done = person.set_up("--user", "gw", "--password-file", str(path))
    assert f"chmod 600 {path}" in done.err


@pytest.mark.parametrize("device_id", ["../../evil", "shellypro2-1/..", ""])
def test_a_device_s_id_cannot_lead_out_of_the_folder(person: Person, gateway: StandInGateway, device_id: str) -> None:
    gateway.id = device_id
    person.set_up()
    written = [path for path in person.folder.rglob("*") if path.is_file()]
    assert {path.parent for path in written} == {person.folder / "data" / "gateways"}
