"""What is looked at before anything starts: each trouble is one line that says how to mend it."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import checks
from cli.unusable import Unusable


def test_a_port_in_use_is_named_with_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match=rf"port {port} on 127.0.0.1, wanted by api, is in use.*API_PORT="):
            checks.port_is_free("api", "127.0.0.1", port, "API_PORT")
    checks.port_is_free("api", "127.0.0.1", port, "API_PORT")


def test_an_address_that_is_not_ours_is_refused() -> None:
    for host in ("192.0.2.7", "no such host"):
        with pytest.raises(
            Unusable, match=rf"^{host}, .* wanted by mqtt, is not one of this machine: correct RUN_LAN$"
        ):
            checks.port_is_free("mqtt", host, 1883, "RUN_MQTT_PORT", "RUN_LAN")


def test_two_processes_on_one_port_are_refused() -> None:
    with pytest.raises(Unusable, match="API_PORT and SINKS_PORT are both 9000"):
        checks.ports_differ({"API_PORT": 9000, "BRIDGE_PORT": 9001, "SINKS_PORT": 9000})


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match=r"data folder .*/file/data cannot be written .*BLUFLOW_DATA="):
        checks.make_folder(tmp_path / "file" / "data")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Not root for the test: root may write everywhere."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)


@pytest.mark.usefixtures("nobody")
def test_a_data_folder_that_is_read_only_is_named() -> None:
    with pytest.raises(Unusable, match="cannot be written"):
        checks.make_folder(Path("/"))


def test_only_one_run_at_a_time_holds_the_data_folder(tmp_path: Path) -> None:
    held = checks.lock(tmp_path)
    with pytest.raises(Unusable, match=rf"another `bluflow run` \(process {os.getpid()}\) uses {tmp_path}"):
        checks.lock(tmp_path)
    held.close()
    checks.lock(tmp_path).close()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noida_db", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unusable, match=r"noida-db .* is missing: .*BROKER="):
        checks.kafka_broker_runs()
    with pytest.raises(Unusable, match=r"iotcore .* is missing: .*MQTT="):
        checks.mqtt_broker_runs()


def test_a_program_that_does_not_run_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "noida-db"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    monkeypatch.setattr(checks, "kafka_binary", lambda: program)
    with pytest.raises(Unusable, match=r"noida-db does not run on this machine .*BROKER="):
        checks.kafka_broker_runs()


def test_the_real_ones_run() -> None:
    checks.kafka_broker_runs()
    checks.mqtt_broker_runs()


def test_a_broker_that_does_not_answer_is_named(free_port: Callable[[], int], kafka: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unusable, match=f"no Kafka broker answers on {nobody}: .*BROKER=host:port"):
        asyncio.run(checks.reachable("Kafka broker", nobody, "BROKER"))
    asyncio.run(checks.reachable("Kafka broker", f"{nobody},{kafka}", "BROKER"))
