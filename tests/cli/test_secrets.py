"""`bluflow secrets`: makes what is missing, with nobody else's eyes on it, and never touches what is there."""

import re
import socket
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import bcrypt
import pytest
import yaml

from cli.certificates import AUTHORITY_DAYS, Pair, authority, client, ends, server
from cli.mosquitto_users import users_in
from cli.page_logins import USER
from cli.secret_folder import ASKING, BIND_KEYS, KEYS, OWN_USERS, SERVERS
from runtime.api_keys import find, read_keys
from tests.bridge.conftest import mosquitto_program
from tests.cli.processes import ROOT, bluflow


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def kept(folder: Path) -> dict[str, str]:
    """What must never be printed."""
    return {
        name: text for name, text in texts(folder).items() if not name.endswith((".crt", ".passwd", ".json", ".yaml"))
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where `init` has run once, with its output in `said`."""
    folder = tmp_path_factory.mktemp("secrets")
    done = bluflow("secrets", "init", "--host", "192.168.1.10", "--gateway", "pro2-a", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "said").write_text(done.stdout)
    return folder


def test_init_makes_every_file_that_compose_names_and_prints_no_secret(made: Path) -> None:
    wanted = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]
    there = texts(made / "secrets")
    ours = {"ca.key", "gateways/pro2-a", KEYS, BIND_KEYS, "api-key-page", "mqtt-homeassistant"}
    assert {Path(secret["file"]).name for secret in wanted.values()} | ours == there.keys()
    said = (made / "said").read_text()
    for name, text in kept(made / "secrets").items():
        assert name in said
        assert not any(line in said for line in text.splitlines() if line), name


def test_all_of_it_is_open_to_its_owner_alone(made: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (made / "secrets").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE((made / "secrets" / name).stat().st_mode) for name in ("", "gateways", "keys", "bind-keys")}
    assert (modes, folders) == ({0o600}, {0o700})


def test_no_two_passwords_are_the_same(made: Path) -> None:
    values = list(kept(made / "secrets").values())
    assert len(set(values)) == len(values)
    assert all(len(value) > 40 for value in values)


def test_a_second_run_changes_nothing_and_makes_only_what_was_lost(tmp_path: Path) -> None:
    bluflow("secrets", "init", "--gateway", "pro2-a", folder=tmp_path)
    before = texts(tmp_path / "secrets")
    again = bluflow("secrets", "init", "--gateway", "pro2-a", folder=tmp_path)
    assert "nothing was missing" in again.stdout
    assert texts(tmp_path / "secrets") == before
    for name in ("redpanda.crt", "redpanda.key", "kafka-admin"):
        (tmp_path / "secrets" / name).unlink()
    third = bluflow("secrets", "init", folder=tmp_path)
    assert "made 3 files" in third.stdout
    after = texts(tmp_path / "secrets")
    assert {name for name in before if before[name] != after[name]} == {"redpanda.crt", "redpanda.key", "kafka-admin"}


def test_the_api_lets_in_whose_key_init_made_and_the_file_that_it_sees_holds_none(made: Path) -> None:
    folder = made / "secrets"
    held = read_keys(folder / KEYS)
    for name, scope in {"page": "read", "prometheus": "metrics"}.items():
        secret = (folder / f"api-key-{name}").read_text().strip()
        key = find(held, secret)
        assert key is not None
        assert (key.name, key.scope, key.expires_at) == (name, scope, None)
        assert secret not in (folder / KEYS).read_text()


def test_a_key_that_was_revoked_is_not_let_in_again_and_one_that_was_lost_is_made_anew(tmp_path: Path) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    path, page = tmp_path / "secrets" / KEYS, tmp_path / "secrets" / "api-key-page"
    before = page.read_text().strip()
    assert bluflow("keys", "revoke", "page", folder=tmp_path, API_KEYS_FILE=str(path)).returncode == 0
    said = bluflow("secrets", "init", folder=tmp_path).stdout
    assert f"api-key-page is not in {KEYS}" in said
    assert before not in said
    assert find(read_keys(path), before) is None
    page.unlink()
    (tmp_path / "secrets" / "api-key-prometheus").unlink()
    assert "made 2 files" in bluflow("secrets", "init", folder=tmp_path).stdout
    assert {key.name for key in read_keys(path)} == {"page", "prometheus"}
    assert find(read_keys(path), before) is None
    assert find(read_keys(path), page.read_text().strip()) is not None


@pytest.mark.parametrize("server", ASKING)
def test_a_page_is_told_the_hash_of_its_password_and_the_password_is_never_made_again(
    tmp_path: Path, server: str
) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    password, told = (tmp_path / "secrets" / f"{server}-{name}" for name in ("password", "web.yml"))
    assert password.read_text().strip() not in told.read_text()
    assert lets_in(told, password)
    password.write_text("of my own\n")
    told.unlink()
    assert "made 1 files" in bluflow("secrets", "init", folder=tmp_path).stdout
    assert lets_in(told, password)
    before = told.read_text()
    password.unlink()
    done = bluflow("secrets", "init", folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{server}-web.yml is there without {server}-password: take it away" in done.stderr
    assert told.read_text() == before
    assert not password.exists()


def lets_in(told: Path, password: Path) -> bool:
    """Whether a server that reads the one lets in who knows the other."""
    [(user, hashed)] = yaml.safe_load(told.read_text())["basic_auth_users"].items()
    return user == USER and bcrypt.checkpw(password.read_text().strip().encode(), hashed.encode())


@pytest.mark.parametrize(("user", "file"), [("bridge", "mqtt-bridge"), ("pro2-a", "gateways/pro2-a")])
def test_a_user_whose_password_is_gone_is_told_and_gets_none_that_mosquitto_would_refuse(
    tmp_path: Path, user: str, file: str
) -> None:
    bluflow("secrets", "init", "--gateway", "pro2-a", folder=tmp_path)
    (tmp_path / "secrets" / file).unlink()
    done = bluflow("secrets", "init", "--gateway", "pro2-a", folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"mosquitto.passwd knows {user}, whose password {file} is gone: delete its line" in done.stderr
    assert not (tmp_path / "secrets" / file).exists()


def test_gateways_come_from_a_file_and_later_ones_by_their_own_command(tmp_path: Path) -> None:
    (tmp_path / "gateways").write_text("pro2-a  # cellar\n\n# none\npro2-b\n")
    bluflow("secrets", "init", "--gateways-file", "gateways", folder=tmp_path)
    before = (tmp_path / "secrets" / "mosquitto.passwd").read_text()
    done = bluflow("secrets", "gateway", "add", "pro2-c", "pro2-a", folder=tmp_path)
    after = (tmp_path / "secrets" / "mosquitto.passwd").read_text()
    assert after.startswith(before)  # the file that a container sees is the same one
    assert users_in(after) == [*OWN_USERS, "pro2-a", "pro2-b", "pro2-c"]
    assert "secrets/gateways/pro2-c" in done.stdout
    assert (tmp_path / "secrets/gateways/pro2-c").read_text().strip() not in done.stdout


def test_mosquitto_s_own_tool_takes_the_password_file(made: Path, tmp_path: Path) -> None:
    mosquitto_program()
    copy = tmp_path / "passwd"
    copy.write_text((made / "secrets" / "mosquitto.passwd").read_text())
    subprocess.run(["mosquitto_passwd", "-D", str(copy), "bridge"], check=True, capture_output=True)
    assert users_in(copy.read_text()) == [*OWN_USERS[1:], "pro2-a"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("init", "--gateway", "a/b"), "'a/b' is no gateway's topic prefix: .* no slash"),
        (("init", "--gateway", "bridge"), "bridge is a name of our own"),
        (("init", "--gateway", "bluflow-marker"), "bluflow-marker is a name of our own"),
        (("init", "--gateways-file", "none"), "none: No such file"),
        (("init", "--host", "über all"), "no certificate for mosquitto can be made"),
        (("init", "--dir", "/proc/1/none"), "/proc/1/none: .*--dir"),
        (("gateway", "add", "pro2-a"), "secrets holds no secrets of a stack: bluflow secrets init"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    done = bluflow("secrets", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert re.fullmatch(rf"bluflow: .*{line}.*\n", done.stderr), done.stderr


def test_half_a_pair_is_not_made_whole_by_another_half(tmp_path: Path) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    (tmp_path / "secrets" / "ca.key").unlink()
    done = bluflow("secrets", "init", folder=tmp_path)
    assert done.returncode == 2
    assert "ca.crt is there without its other half" in done.stderr
    assert not (tmp_path / "secrets" / "ca.key").exists()


@pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
def test_a_damaged_authority_is_named(tmp_path: Path, name: str) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    (tmp_path / "secrets" / name).write_text("damaged")
    for half in ("crt", "key"):
        (tmp_path / "secrets" / f"api.{half}").unlink()
    done = bluflow("secrets", "init", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "no certificate for api can be made: the authority's ca.crt or ca.key is no PEM file" in done.stderr


def test_a_certificate_that_ends_soon_is_told(tmp_path: Path) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    folder = tmp_path / "secrets"
    signer = Pair((folder / "ca.crt").read_text(), (folder / "ca.key").read_text())
    old = server(signer, ["influxdb"], datetime(2021, 1, 1, tzinfo=UTC))
    (folder / "influxdb.crt").write_text(old.certificate)
    assert "influxdb.crt ends on 2025-12-31" in bluflow("secrets", "init", folder=tmp_path).stdout


def test_a_certificate_of_one_s_own_that_names_nobody_is_told(tmp_path: Path) -> None:
    bluflow("secrets", "init", folder=tmp_path)
    own = client("grafana", datetime.now(UTC))
    (tmp_path / "secrets" / "grafana.crt").write_text(own.certificate)
    said = bluflow("secrets", "init", folder=tmp_path).stdout
    assert "grafana.crt is not for grafana, localhost, 127.0.0.1: take it and grafana.key away" in said


@pytest.mark.parametrize("name", [*(names[0] for names in SERVERS.values()), "localhost"])
def test_a_client_that_trusts_the_authority_believes_each_server_by_its_name(made: Path, name: str) -> None:
    folder = made / "secrets"
    owner = "mosquitto" if name == "localhost" else name
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{owner}.crt", folder / f"{owner}.key")
    trusting = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shake_hands(context, trusting, name) is None
    assert "IP address mismatch" in str(shake_hands(context, trusting, "192.0.2.1"))


def test_the_address_that_was_given_stands_in_mosquitto_s_certificate(made: Path) -> None:
    folder = made / "secrets"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "mosquitto.crt", folder / "mosquitto.key")
    assert shake_hands(context, ssl.create_default_context(cafile=str(folder / "ca.crt")), "192.168.1.10") is None


def test_a_name_that_a_certificate_lacks_is_told_and_is_in_the_next_one(tmp_path: Path) -> None:
    """Else gateways would refuse a server that was set up before anyone said where they find it."""
    bluflow("secrets", "init", "--host", "192.168.1.10", folder=tmp_path)
    before = texts(tmp_path / "secrets")
    wanted = ("--host", "192.168.1.10", "--host", "house.example.org", "--host", "2001:DB8::0:1")
    said = bluflow("secrets", "init", *wanted, folder=tmp_path).stdout
    assert "mosquitto.crt is not for house.example.org, 2001:DB8::0:1: take it and mosquitto.key away, run this" in said
    assert texts(tmp_path / "secrets") == before
    for half in ("crt", "key"):
        (tmp_path / "secrets" / f"mosquitto.{half}").unlink()
    assert "is not for" not in bluflow("secrets", "init", *wanted, folder=tmp_path).stdout
    assert "is not for" not in bluflow("secrets", "init", *wanted, folder=tmp_path).stdout


def test_an_authority_outlives_what_it_signs() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    signer = authority(now)
    assert (ends(signer.certificate) - now).days == AUTHORITY_DAYS
    assert ends(server(signer, ["a"], now).certificate) < ends(signer.certificate)


def shake_hands(server_side: ssl.SSLContext, client_side: ssl.SSLContext, name: str) -> ssl.SSLError | None:
    """What the client says against the server's certificate."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server_side.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        client_side.wrap_socket(ours, server_hostname=name).close()
    except ssl.SSLError as error:
        return error
    finally:
        ours.close()
        serving.join()
    return None
