"""How the settings become a login at Kafka, and what of them cannot be used."""

import ast
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from cli.certificates import authority, today
from runtime.errors import SettingsError
from runtime.kafka_login import kafka_login
from tests.cli.processes import ROOT, environment


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("password").write_text("swordfish\n")
    Path("empty").write_text("\n")
    Path("ca.crt").write_text(authority(today()).certificate)
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for name in ("BROKER", "KAFKA_USER", "KAFKA_PASSWORD_FILE", "KAFKA_CA_FILE", "KAFKA_MECHANISM"):
        monkeypatch.delenv(name, raising=False)
    for part in text.split():
        monkeypatch.setenv(*part.split("=", 1))


@pytest.mark.parametrize(
    ("settings", "protocol", "mechanism"),
    [
        ("BROKER=k:1", None, None),
        ("BROKER=k:1 KAFKA_CA_FILE=ca.crt", "SSL", None),
        ("BROKER=k:1 KAFKA_USER=me KAFKA_PASSWORD_FILE=password", "SASL_PLAINTEXT", "SCRAM-SHA-256"),
        ("BROKER=k:1 KAFKA_USER=me KAFKA_PASSWORD_FILE=password KAFKA_CA_FILE=ca.crt", "SASL_SSL", "SCRAM-SHA-256"),
        (
            "BROKER=k:1 KAFKA_USER=me KAFKA_PASSWORD_FILE=password KAFKA_MECHANISM=PLAIN",
            "SASL_PLAINTEXT",
            "PLAIN",
        ),
        ("KAFKA_USER=me KAFKA_PASSWORD_FILE=password KAFKA_CA_FILE=ca.crt", None, None),
    ],
)
def test_a_login_is_what_is_set_and_none_for_the_embedded_broker(
    monkeypatch: pytest.MonkeyPatch, settings: str, protocol: str | None, mechanism: str | None
) -> None:
    given(monkeypatch, settings)
    login = kafka_login()
    assert (login.get("security_protocol"), login.get("sasl_mechanism")) == (protocol, mechanism)
    assert login.get("sasl_plain_password") == ("swordfish" if mechanism else None)


def test_the_authority_that_is_named_is_the_only_one_and_names_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "BROKER=k:1 KAFKA_CA_FILE=ca.crt")
    context = kafka_login()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert len(context.get_ca_certs()) == 1
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("KAFKA_USER=me", "KAFKA_USER is set: name the file .* with KAFKA_PASSWORD_FILE"),
        ("KAFKA_USER=me KAFKA_PASSWORD_FILE=none", "KAFKA_PASSWORD_FILE none: No such file or directory"),
        ("KAFKA_USER=me KAFKA_PASSWORD_FILE=empty", "KAFKA_PASSWORD_FILE empty: empty"),
        ("KAFKA_CA_FILE=none", "KAFKA_CA_FILE none: No such file or directory"),
        ("KAFKA_CA_FILE=password", "KAFKA_CA_FILE password: no certificate in PEM form"),
        ("KAFKA_CA_FILE=empty", "KAFKA_CA_FILE empty: no certificate in PEM form"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, settings: str, line: str) -> None:
    given(monkeypatch, f"BROKER=k:1 {settings}")
    with pytest.raises(SettingsError, match=f"^{line}$"):
        kafka_login()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("KAFKA_USER=me", "KAFKA_USER is set: .*"),
        ("KAFKA_MECHANISM=MD5", "setting KAFKA_MECHANISM .*"),
        (
            "KAFKA_PASWORD_FILE=password",
            "environment variable KAFKA_PASWORD_FILE: .* did you mean KAFKA_PASSWORD_FILE.*",
        ),
    ],
)
def test_a_process_refuses_it_at_its_start_with_one_line_and_exit_2(folder: Path, settings: str, line: str) -> None:
    env = environment(BROKER="127.0.0.1:1", **dict([settings.split("=", 1)]))
    command = [sys.executable, "-P", "-m", "streams.sinks"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert re.fullmatch(rf"bluflow: {line}\n", done.stderr), done.stderr


CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient"}


def test_no_client_of_ours_is_made_without_the_login() -> None:
    found = 0
    for folder in ("runtime", "bridge", "streams", "api", "cli", "history", "shelly"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLIENTS:
                    found += 1
                    spread = [ast.unparse(each.value) for each in node.keywords if each.arg is None]
                    assert "kafka_login()" in spread, f"{path}:{node.lineno}"
    assert found > 10
