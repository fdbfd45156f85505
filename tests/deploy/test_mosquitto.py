"""Who gets into the stack's mosquitto, and what each may say and hear there."""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.route import marker_topics
from bridge.session import state_topic
from bridge.settings import SHELLY_SUBSCRIPTIONS, BridgeSettings
from cli.secret_folder import SecretFolder
from streams.times import OUTAGE_BUDGET_MS
from tests.bridge.conftest import BridgeProcess, raw_frames, until
from tests.bridge.conftest import bridge as bridge
from tests.deploy.compose import COMBINATIONS, merged
from tests.deploy.conftest import ROOT, Connection, Hardened, needed

Connect = Callable[..., Connection]
CONF = (ROOT / "mosquitto" / "mosquitto.conf").read_text()


def test_a_gateway_with_its_password_is_served_over_tls(connect: Connect) -> None:
    listener = connect("bridge")
    assert listener.answer() == "Success"
    listener.subscribe(*SHELLY_SUBSCRIPTIONS)
    gateway = connect("shellypro2-a")
    assert gateway.answer() == "Success"
    gateway.publish("shellypro2-a/events/rpc", b"{}")
    assert listener.heard_until(b"{}")[-1] == ("shellypro2-a/events/rpc", b"{}")


@pytest.mark.parametrize(
    ("user", "options"),
    [
        ("shellypro2-a", {"password": "wrong"}),
        ("shellypro2-a", {"password": ""}),
        ("", {}),
        ("bridge", {"password": "bridge"}),
    ],
)
def test_whoever_has_no_password_or_a_wrong_one_is_refused(
    connect: Connect, user: str, options: dict[str, str]
) -> None:
    assert connect(user, **options).answer() == "Not authorized"


def test_another_gateway_s_password_is_refused(connect: Connect, hardened: Hardened) -> None:
    assert connect("shellypro2-a", password=hardened.password("shellypro2-b")).answer() == "Not authorized"


def test_plain_text_is_refused(connect: Connect) -> None:
    assert connect("shellypro2-a", ca=None).answer() == "disconnected"


def test_a_broker_with_a_certificate_of_another_authority_is_not_believed(hardened: Hardened, tmp_path: Path) -> None:
    other = SecretFolder(tmp_path)
    other.complete([], [])
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    with (
        socket.create_connection(("localhost", hardened.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trusting.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(("version", "is_served"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_a_gateway_that_knows_tls_1_2_is_served_and_no_older_one(
    hardened: Hardened, version: str, is_served: bool
) -> None:
    """Shelly's gateways speak 1.2."""
    trusting = ssl.create_default_context(cafile=str(hardened.ca))
    trusting.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side would refuse 1.1 before the other is asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion[version]
    with socket.create_connection(("localhost", hardened.port)) as plain:
        if is_served:
            with trusting.wrap_socket(plain, server_hostname="localhost") as secured:
                assert secured.version() == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError):
                trusting.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    "topic",
    [
        "shellypro2-b/events/rpc",
        "shellypro2-b/online",
        "shellypro2-a/rpc",
        "shellypro2-b/rpc",
        "bluflow/shellypro2-b/rpc",
        "bluflow/bridge/bluflow-bridge/state",
        "bluflow-marker/events/rpc",
        "shelly-blu/events/7c:c6:b6:11:00:01",
    ],
)
def test_a_gateway_says_nothing_outside_its_own_prefix_and_asks_nobody(connect: Connect, topic: str) -> None:
    """What mosquitto drops it acknowledges all the same; it is not heard before the next that it lets through."""
    listener, other = connect("operator"), connect("shellypro2-b")
    listener.subscribe("#")
    other.subscribe("#", "shellypro2-b/rpc")
    gateway = connect("shellypro2-a")
    gateway.publish(topic, b"forged")
    gateway.publish("shellypro2-a/events/rpc", b"own")
    assert b"forged" not in [payload for _, payload in listener.heard_until(b"own")]
    listener.publish("shellypro2-b/rpc", b"from the operator")
    assert other.heard_until(b"from the operator") == [("shellypro2-b/rpc", b"from the operator")]


@pytest.mark.parametrize("user", ["bridge", "probe", "simulator"])
def test_nobody_but_the_operator_asks_a_gateway(connect: Connect, user: str) -> None:
    gateway, operator = connect("shellypro2-a"), connect("operator")
    gateway.subscribe("shellypro2-a/rpc")
    connect(user).publish("shellypro2-a/rpc", b"forged")
    operator.publish("shellypro2-a/rpc", b"asked")
    assert gateway.heard_until(b"asked") == [("shellypro2-a/rpc", b"asked")]


@pytest.mark.parametrize("topic", [(), ("$SYS/broker/clients/connected",)])
def test_the_health_check_logs_in_and_shows_its_password_to_nobody(
    hardened: Hardened, tmp_path: Path, topic: tuple[str, ...]
) -> None:
    """As the container runs it; `mosquitto_sub` notes its arguments first, which every user of the machine can see."""
    [said] = [merged(COMBINATIONS["default"])["services"]["mosquitto"]["healthcheck"]["test"]]
    assert said == ["CMD", "sh", "/mosquitto/config/probe.sh"]
    (tmp_path / "mosquitto_sub").write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec {needed("mosquitto_sub", "mosquitto-clients")} "$@"\n'
    )
    (tmp_path / "mosquitto_sub").chmod(0o755)
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SECRETS": str(hardened.secrets.folder),
        "PORT": str(hardened.port),
        "XDG_CONFIG_HOME": str(tmp_path / "probe"),
    }
    command = ["sh", str(ROOT / "mosquitto" / "probe.sh"), *topic]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[0].isdigit()
    assert hardened.password("probe") not in (tmp_path / "arguments").read_text()
    [file] = (tmp_path / "probe").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()
    (tmp_path / "mqtt-probe").write_text("wrong\n")
    (tmp_path / "ca.crt").write_text(hardened.ca.read_text())
    done = subprocess.run(
        command, env=env | {"SECRETS": str(tmp_path)}, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0


def test_a_gateway_hears_no_other_one(connect: Connect) -> None:
    curious, operator = connect("shellypro2-a"), connect("operator")
    curious.subscribe("#", "+/events/rpc", "shellypro2-b/rpc")
    connect("shellypro2-b").publish("shellypro2-b/events/rpc", b"secret")
    operator.publish("shellypro2-b/rpc", b"secret")
    operator.publish("shellypro2-a/rpc", b"yours")
    assert curious.heard_until(b"yours") == [("shellypro2-a/rpc", b"yours")]


def test_a_gateway_that_is_added_gets_in_once_mosquitto_is_told(connect: Connect, hardened: Hardened) -> None:
    hardened.secrets.add_gateway("shellypro2-new")
    hardened.broker.child.send_signal(signal.SIGHUP)
    assert connect("shellypro2-new").answer() == "Success"
    assert connect("shellypro2-a").answer() == "Success"


async def test_the_bridge_gets_over_tls_what_waited_for_it_and_then_ticks(
    hardened: Hardened,
    connect: Connect,
    bridge: Callable[..., BridgeProcess],
    kafka: str,
    topics: str,
) -> None:
    """The second time its session was kept: it ticks only once all its markers came back, so it may write them all."""
    login = {"user": "bridge", "password_file": str(hardened.password_file("bridge")), "ca_file": str(hardened.ca)}
    process = await bridge(kafka, hardened.address, tick_seconds="0.2", **login).ready()
    gateway = connect("shellypro2-a")
    gateway.publish("shellypro2-a/events/rpc", b"live")
    await raw_frames(kafka, topics, 1)
    assert await process.stop() == 0
    gateway.publish("shellypro2-a/events/rpc", b"waited")
    before = len((await raw_frames(kafka, topics, 1)).ticks)
    process.start()
    await process.ready()
    found = await raw_frames(kafka, topics, 2, ticks=before + 1)
    assert found.values() == [b"live", b"waited"]
    assert process.metric("bluflow_bridge_frames_queued_total") >= 1


async def test_what_waited_for_the_bridge_outlives_a_restart_of_mosquitto(
    tmp_path: Path,
    stack_secrets: SecretFolder,
    bridge: Callable[..., BridgeProcess],
    kafka: str,
    topics: str,
) -> None:
    needed("mosquitto", "mosquitto")
    own = Hardened(tmp_path, stack_secrets)
    login = {"user": "bridge", "password_file": str(own.password_file("bridge")), "ca_file": str(own.ca)}
    try:
        process = await bridge(kafka, own.address, **login).ready()
        assert await process.stop() == 0
        gateway = Connection(own.port, ca=own.ca, user="shellypro2-a", password=own.password("shellypro2-a"))
        for number in range(50):
            gateway.publish("shellypro2-a/events/rpc", b"%d" % number)
        gateway.close()
        own.broker.child.terminate()
        own.broker.child.wait(30)
        own.broker.start()
        process.start()
        assert (await raw_frames(kafka, topics, 50)).values() == [b"%d" % number for number in range(50)]
    finally:
        own.broker.kill()


async def test_the_bridge_says_what_is_wrong_with_its_password(
    hardened: Hardened,
    bridge: Callable[..., BridgeProcess],
    kafka: str,
    topics: str,
) -> None:
    process = bridge(kafka, hardened.address, user="bridge", password="wrong", ca_file=str(hardened.ca))
    cause = await until(lambda: "Not authorized" in process.cause() and process.cause())
    assert "wrong" not in cause


def test_the_bridge_s_rights_are_its_subscriptions_its_state_and_its_markers() -> None:
    block = (ROOT / "mosquitto" / "acl").read_text().partition("user bridge\n")[2].partition("\n\n")[0]
    rights = [line.removeprefix("topic ").split() for line in block.splitlines()]
    assert [topic for kind, topic in rights if kind == "read"] == SHELLY_SUBSCRIPTIONS
    client = BridgeSettings.model_fields["client_id"].default
    own = ["bluflow/bridge/#", *marker_topics(client, SHELLY_SUBSCRIPTIONS)]
    assert [topic for kind, topic in rights if kind == "readwrite"] == own
    assert state_topic(client).startswith("bluflow/bridge/")


def number(pattern: str, text: str = CONF) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    assert found, pattern
    return int(found[1])


def test_the_queue_holds_what_comes_in_the_outage_that_its_comment_states() -> None:
    hours, sensors, gateways, packets, frames = (
        int(part)
        for part in re.search(  # type: ignore[union-attr]
            r"(\d+) h x (\d+) sensors x (\d+) gateways that hear each x (\d+) packets an hour = (\d+) frames", CONF
        ).groups()
    )
    assert hours * 3_600_000 == OUTAGE_BUDGET_MS
    assert hours * sensors * gateways * packets == frames
    size, total = number(rf"{frames} frames x (\d+) bytes"), number(rf"{frames} frames x \d+ bytes .* = (\d+) bytes")
    assert frames * size == total
    assert frames <= number(r"^max_queued_messages (\d+)")
    assert total <= number(r"^max_queued_bytes (\d+)")
    for name in ("max_queued_messages", "max_queued_bytes", "autosave_interval", "message_size_limit"):
        assert number(rf"^{name} (\d+)") == number(rf"^{name} (\d+)", (ROOT / "mosquitto" / "poc.conf").read_text())


def test_mosquitto_hands_out_as_many_frames_as_the_bridge_holds() -> None:
    assert number(r"^max_inflight_messages (\d+)") == BridgeSettings.model_fields["max_in_flight"].default
