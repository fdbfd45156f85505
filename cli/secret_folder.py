"""The folder of the stack's secrets: makes what is missing, never overwrites, never shows what a file holds.

Every file has mode 0600, the folder 0700. docker-compose.yml names each file; a test compares.
"""

import os
import secrets
import socket
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from api.times import system_clock
from cli.certificates import Pair, authority, client, ends, is_for, server, today
from cli.mosquitto_users import is_user, password_line, users_in
from cli.page_logins import web_configuration
from cli.unusable import Unusable
from runtime.api_keys import ApiKey, Scope, create, read_keys, revoke
from streams.keys import HEADER

# Users at mosquitto that are no gateways; mosquitto/acl says what each may.
OWN_USERS = ("bridge", "operator", "discovery", "homeassistant", "probe", "simulator")
PASSWORDS = (
    "kafka-admin",
    "kafka-bluflow",
    "influxdb-admin-password",
    "influxdb-admin-token",
    "grafana-admin-password",
    "grafana-metrics-password",
)
# Servers whose pages ask for the password in `<name>-password`; what they are told of it is in `<name>-web.yml`.
ASKING = ("prometheus", "alertmanager")
# Keys of the API by whose they are. Each is in `api-key-<name>`; the API mounts KEYS and sees their digests alone.
API_KEYS: dict[str, Scope] = {"page": "read", "prometheus": "metrics"}
KEYS = "keys/api-keys.json"
# Encrypted sensors' bind keys, which the worker mounts; none at first.
BIND_KEYS = "bind-keys/bind-keys.yaml"
SERVERS = {
    "mosquitto": ("mosquitto", "mosquitto-b", "mqtt-proxy"),
    "redpanda": ("redpanda", "redpanda-1", "redpanda-2"),
    "influxdb": ("influxdb", "influxdb-b"),
    "bridge": ("bridge", "bridge-b"),
    "streams": ("streams",),
    "sinks": ("sinks", "sinks-b"),
    "api": ("api", "api-b"),
    "inventory": ("inventory",),
    "homeassistant": ("homeassistant",),
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager",),
    "grafana": ("grafana",),
    "loki": ("loki",),
    "alloy": ("alloy",),
}
# What Alloy, Grafana and Prometheus show to Loki, whose lines nobody else may read or write; Alloy's page wants it too.
LOGS_CLIENT = "logs-client"
HERE = ("localhost", "127.0.0.1")
_SOON = timedelta(days=60)


class SecretFolder:
    """One folder. `made` names the files that were made here. Raises Unusable for what cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[str] = []

    def complete(self, hosts: Iterable[str], gateways: Iterable[str]) -> None:
        """Make all that is missing. `hosts`: names and addresses under which gateways reach mosquitto."""
        wanted = [check_gateway(name) for name in gateways]
        self._open_folder()
        for name in PASSWORDS:
            self._password(name)
        self._certificates([*hosts])
        for name in ASKING:
            self._page_login(name)
        for user in OWN_USERS:
            self._user(user, f"mqtt-{user}")
        for name, scope in API_KEYS.items():
            self._api_key(name, scope)
        if not (self.folder / BIND_KEYS).exists():
            self._open_folder("bind-keys")
            self._write(BIND_KEYS, HEADER)
        for name in wanted:
            self.add_gateway(name)

    def add_gateway(self, name: str) -> Path:
        """A gateway's user at mosquitto; gives the file of its password, which may have been there."""
        check_gateway(name)
        self._open_folder()
        self._open_folder("gateways")
        self._user(name, f"gateways/{name}")
        return self.folder / "gateways" / name

    def gateways(self) -> list[str]:
        """The gateways that have a user."""
        text = self._read("mosquitto.passwd") if (self.folder / "mosquitto.passwd").exists() else ""
        return [user for user in users_in(text) if user not in OWN_USERS]

    def ending(self) -> list[str]:
        """A line for each certificate that ends soon."""
        lines = []
        for name in ("ca", LOGS_CLIENT, *SERVERS):
            try:
                end = ends(self._read(f"{name}.crt"))
            except ValueError:
                raise Unusable(f"{self.folder / name}.crt is no certificate: take it away with its key") from None
            if end < today() + _SOON:
                lines.append(f"{name}.crt ends on {end:%Y-%m-%d}: take it and {name}.key away, run this again, restart")
        return lines

    def lacking(self, hosts: list[str]) -> list[str]:
        """A line for each certificate that is not for every name under which its server is reached."""
        lines = []
        for name, services in SERVERS.items():
            certificate = self._read(f"{name}.crt")
            wanted = [*services, *HERE, *(hosts if name == "mosquitto" else [])]
            if lacks := [each for each in wanted if not is_for(certificate, each)]:
                lines.append(
                    f"{name}.crt is not for {', '.join(lacks)}: take it and {name}.key away, run this again, restart"
                )
        return lines

    def unknown_keys(self) -> list[str]:
        """A line for each key of the API that its file does not know: a revoked one is not let in again."""
        known = {key.name for key in self._known_keys()}
        return [
            f"api-key-{name} is not in {KEYS}, so the API refuses it: take it away, run this again, restart"
            for name in API_KEYS
            if name not in known
        ]

    def _api_key(self, name: str, scope: Scope) -> None:
        """A key whose file is gone is made anew: nobody else can know it."""
        if (self.folder / f"api-key-{name}").exists():
            return
        self._open_folder("keys")
        path = self.folder / KEYS
        if not path.exists():
            self.made.append(KEYS)
        elif name in [key.name for key in self._known_keys()]:
            revoke(path, name)
        self._write(f"api-key-{name}", create(path, name, scope, system_clock()) + "\n")

    def _known_keys(self) -> tuple[ApiKey, ...]:
        path = self.folder / KEYS
        return read_keys(path) if path.exists() else ()

    def _page_login(self, server: str) -> None:
        """What a server is told is made from the password, which may be one that was chosen; never the reverse."""
        password, told = f"{server}-password", f"{server}-web.yml"
        if (self.folder / told).exists() and not (self.folder / password).exists():
            raise Unusable(f"{self.folder / told} is there without {password}: take it away, or bring that back")
        self._password(password)
        if not (self.folder / told).exists():
            self._write(told, web_configuration(server, self._read(password).strip()))

    def _certificates(self, hosts: list[str]) -> None:
        if self._lacks_pair("ca"):
            self._write_pair("ca", authority(today()))
        if self._lacks_pair(LOGS_CLIENT):
            self._write_pair(LOGS_CLIENT, client(LOGS_CLIENT, today()))
        for name, services in SERVERS.items():
            if self._lacks_pair(name):
                outside = [*hosts, socket.gethostname()] if name == "mosquitto" else []
                signer = Pair(self._read("ca.crt"), self._read("ca.key"))
                try:
                    self._write_pair(name, server(signer, [*services, *outside, *HERE], today()))
                except ValueError as error:
                    raise Unusable(f"no certificate for {name} can be made: {error}") from None

    def _lacks_pair(self, name: str) -> bool:
        there = [file for file in (f"{name}.crt", f"{name}.key") if (self.folder / file).exists()]
        if len(there) == 1:
            raise Unusable(
                f"{self.folder / there[0]} is there without its other half: take it away, or bring that back"
            )
        return not there

    def _write_pair(self, name: str, pair: Pair) -> None:
        self._write(f"{name}.key", pair.key)
        self._write(f"{name}.crt", pair.certificate)

    def _user(self, user: str, file: str) -> None:
        """A user whose password is in `file`; its line is made from that, never the reverse."""
        path = self.folder / "mosquitto.passwd"
        if not path.exists():
            self._write(path.name, "")
        known = self._read(path.name)
        if user in users_in(known) and not (self.folder / file).exists():
            raise Unusable(f"{path} knows {user}, whose password {file} is gone: delete its line, or bring that back")
        self._password(file)
        if user not in users_in(known):
            line = password_line(user, self._read(file).strip())
            # appended, not replaced: a container that has the file mounted would go on seeing the old one
            with path.open("a") as opened:
                opened.write(line if not known or known.endswith("\n") else "\n" + line)

    def _password(self, name: str) -> None:
        if not (self.folder / name).exists():
            self._write(name, secrets.token_hex(24) + "\n")

    def _open_folder(self, name: str = "") -> None:
        try:
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / name).chmod(0o700)
        except OSError as error:
            raise Unusable(
                f"{self.folder / name}: {error.strerror}; make it yours, or name another with --dir"
            ) from None

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise Unusable(f"{self.folder / name}: {why}") from None

    def _write(self, name: str, text: str) -> None:
        """A new file that only its owner may read, from its first byte on, and whole or not at all."""
        path = self.folder / name
        half = path.with_name(f".{path.name}.half")
        try:
            half.unlink(missing_ok=True)
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            os.link(half, path)  # refuses what is there, which a rename would overwrite
            half.unlink()
        except OSError as error:
            raise Unusable(f"{path} cannot be written: {error.strerror}") from None
        self.made.append(name)


def check_gateway(name: str) -> str:
    """A gateway's name as it came: its MQTT topic prefix, one level. Raises Unusable."""
    if not is_user(name):
        raise Unusable(f"{name[:70]!r} is no gateway's topic prefix: letters, digits and _ . - , at most 64, no slash")
    if name in OWN_USERS or name.startswith("bluflow"):
        raise Unusable(f"{name} is a name of our own: give the gateway another topic prefix")
    return name
