"""How a gateway shall be set: from what a person asks for to the gateway's own configuration. Pure."""

from dataclasses import dataclass, field
from typing import Any

from shelly.setup.device import Device

TIME_SERVER = "pool.ntp.org"  # for a gateway that has none
USER_CA, BUILT_IN_CA = "user_ca.pem", "ca.pem"


@dataclass(frozen=True)
class Broker:
    """The MQTT broker as the gateway shall reach it. `ca`: PEM of the authority that signed its certificate."""

    server: str
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What a person asks for. `code` is the script's; None: native components for `sensors` instead."""

    broker: Broker
    code: str | None
    sensors: tuple[str, ...] = ()
    time_server: str | None = None
    close_rpc: bool = False


def parse_broker(url: str) -> tuple[str, bool]:
    """`tls://host:8883`, `mqtt://host:1883` or `host:1883` -> (host:port, whether TLS). Raises ValueError."""
    scheme, found, rest = url.partition("://")
    if not found:
        scheme, rest = "mqtt", url
    tls = scheme in {"tls", "mqtts", "ssl"}
    if not tls and scheme not in {"mqtt", "tcp"}:
        raise ValueError(f"{scheme}:// is no way to an MQTT broker: tls://host:8883 or mqtt://host:1883")
    if "@" in rest:
        raise ValueError("no user or password in the address: use --user and --password-file")
    rest = rest.rstrip("/")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest, "8883" if tls else "1883"
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{url!r} is no address of an MQTT broker: tls://host:8883 or mqtt://host:1883")
    return f"{host}:{port}", tls


def wanted_config(device: Device, wanted: Wanted) -> dict[str, dict[str, Any]]:
    """The parts of `sys`, `ble` and `mqtt` that matter, as they shall be; everything else stays."""
    broker, native = wanted.broker, wanted.code is None
    present = (device.sys.get("sntp") or {}).get("server")
    mqtt: dict[str, Any] = {
        "enable": True,
        "server": broker.server,
        "user": broker.user,
        "ssl_ca": (USER_CA if broker.ca else BUILT_IN_CA) if broker.tls else None,
        "rpc_ntf": True,  # events come by it
    }
    if native:
        mqtt |= {"status_ntf": True, "enable_rpc": True}  # the inventory asks over MQTT
    elif wanted.close_rpc:
        mqtt["enable_rpc"] = False
    # firmware 2.0 has no such keys: Bluetooth is always on there, and rpc belongs to pairing
    ble: dict[str, Any] = {"enable": True, "rpc": {"enable": True}} if "enable" in device.ble else {}
    return {"sys": {"sntp": {"server": wanted.time_server or present or TIME_SERVER}}, "ble": ble, "mqtt": mqtt}
