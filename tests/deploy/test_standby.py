"""Two mosquittos behind haproxy, a bridge at each: gateways go where a broker is, and nothing of theirs is missing."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.child import spawn
from cli.embedded import wait_until_accepts
from cli.secret_folder import SecretFolder
from tests.bridge.conftest import BridgeProcess, raw_frames
from tests.bridge.conftest import bridge as bridge
from tests.conftest import find_free_port
from tests.deploy.conftest import ROOT, Connection, Hardened, needed
from tests.polling import until


@pytest.fixture
def pair(tmp_path: Path, stack_secrets: SecretFolder) -> Iterator[tuple[Hardened, Hardened]]:
    """The active one and the standby."""
    needed("mosquitto", "mosquitto")
    both = []
    for name in ("active", "standby"):
        (tmp_path / name).mkdir()
        both.append(Hardened(tmp_path / name, stack_secrets))
    yield both[0], both[1]
    for each in both:
        each.broker.kill()


@pytest.fixture
def proxy(tmp_path: Path, pair: tuple[Hardened, Hardened]) -> Iterator[int]:
    """The repository's haproxy.cfg with this machine's ports; gives the port of its front."""
    port = find_free_port()
    text = (ROOT / "mosquitto" / "haproxy.cfg").read_text()
    for there, here in {
        "bind :8883": f"bind 127.0.0.1:{port}",
        "mosquitto:8883": f"127.0.0.1:{pair[0].port}",
        "mosquitto-b:8883": f"127.0.0.1:{pair[1].port}",
    }.items():
        assert there in text
        text = text.replace(f" {there}", f" {here}")
    (tmp_path / "haproxy.cfg").write_text(text)
    with (tmp_path / "haproxy.log").open("wb") as log:
        command = [needed("haproxy", "haproxy"), "-db", "-f", str(tmp_path / "haproxy.cfg")]
        child = spawn(command, stdout=log, stderr=log)
    try:
        wait_until_accepts(f"127.0.0.1:{port}")
        yield port
    finally:
        child.kill()
        child.wait()


# paho leaves the socket of a TLS handshake that was cut to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
async def test_gateways_go_to_the_standby_and_back_and_every_frame_reaches_kafka(
    pair: tuple[Hardened, Hardened],
    proxy: int,
    bridge: Callable[..., BridgeProcess],
    kafka: str,
    topics: str,
) -> None:
    active, standby = pair
    login = {"user": "bridge", "password_file": str(active.password_file("bridge")), "ca_file": str(active.ca)}
    first = bridge(kafka, active.address, client_id=f"{topics}a", **login)
    second = bridge(kafka, standby.address, client_id=f"{topics}b", **login)
    for each in (first, second):
        await each.ready()
    gateway = Connection(proxy, ca=active.ca, user="shellypro2-a", password=active.password("shellypro2-a"))
    try:
        gateway.publish("shellypro2-a/events/rpc", b"by the active one")
        # what a broker has acknowledged and not handed on yet, a kill within its autosave loses
        received = "bluflow_bridge_frames_received_total"
        until(lambda: first.metric(received) == 1, 30, "the frame at the active one's bridge")
        active.broker.kill()
        until(lambda: gateway.answers.count("Success") == 2, 30, "the gateway at the standby")
        gateway.publish("shellypro2-a/events/rpc", b"by the standby")
        active.broker.start()
        until(lambda: gateway.answers.count("Success") == 3, 30, "the gateway at the active one again")
        await first.ready()  # its session was younger than an autosave: the broker does not know it any more
        gateway.publish("shellypro2-a/events/rpc", b"by the active one again")
    finally:
        gateway.close()
        gc.collect()
    found = await raw_frames(kafka, topics, 3)
    assert sorted(found.values()) == [b"by the active one", b"by the active one again", b"by the standby"]
    assert first.metric(received) == 2
    assert second.metric(received) == 1
