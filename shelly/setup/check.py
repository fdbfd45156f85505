"""What is wrong with a gateway, and how to mend it. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from shelly.rpc.errors import plain
from shelly.setup.device import Device
from shelly.setup.plan import is_complete
from shelly.setup.usable import refusal

_SKEW = 60  # seconds
_LITTLE_MEMORY = 2_000  # bytes; what an event of sixteen adverts takes while it is made


class Finding(NamedTuple):
    """One thing that is wrong (`serious`: readings are lost or mistimed by it) and how to mend it."""

    serious: bool
    what: str
    mend: str


def findings(device: Device, code: str, *, any_firmware: bool = False) -> list[Finding]:
    """Everything, the serious ones first. `code` is our script as this version has it."""
    found = [
        *_firmware(device, any_firmware),
        *_clock(device),
        *_bluetooth(device),
        *_mqtt(device),
        *(_native(device) if device.paired and device.script is None else _script(device, code)),
        *_openness(device),
    ]
    return sorted(found, key=lambda finding: not finding.serious)


def _firmware(device: Device, any_firmware: bool) -> Iterator[Finding]:
    line = refusal(device.identity, any_firmware=any_firmware)
    if line is not None:
        what, _, mend = line.partition("; ")
        yield Finding(True, what, mend or "take another gateway")
    if device.sys_status.get("restart_required") is True:
        yield Finding(True, "it waits for a reboot to use what was set", "run setup again, or reboot it")


def _clock(device: Device) -> Iterator[Finding]:
    time = device.sys_status.get("unixtime")
    if not (device.sys.get("sntp") or {}).get("server"):
        yield Finding(True, "clock: it has no time server", "run setup, with --time-server where there is no Internet")
    elif not isinstance(time, (int, float)):
        yield Finding(True, "clock: not set yet", "let it reach its time server, or give one with setup --time-server")
    elif abs(time - device.asked_at) > _SKEW:
        ahead = round(time - device.asked_at)
        what = f"clock: {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        yield Finding(True, what, "check both; setup --time-server gives the gateway another server")


def _bluetooth(device: Device) -> Iterator[Finding]:
    if device.ble.get("enable") is False:
        yield Finding(True, "Bluetooth: off, so no sensor is heard", "run setup")
    elif "enable" in device.ble and (device.ble.get("rpc") or {}).get("enable") is False:
        yield Finding(
            False, "Bluetooth: its RPC is off, which stopped the gateway function on firmware 1.7.1", "run setup"
        )


def _mqtt(device: Device) -> Iterator[Finding]:
    mqtt = device.mqtt
    if mqtt.get("enable") is not True:
        yield Finding(True, "MQTT: off", "run setup")
        return
    if device.mqtt_status.get("connected") is not True:
        server = plain(mqtt.get("server"))
        yield Finding(
            True,
            f"MQTT: not connected to {server}",
            "is the broker on, reachable from the gateway, and do user, password and certificate fit? Then run setup",
        )
    if mqtt.get("rpc_ntf") is False:
        yield Finding(True, "MQTT: its events are switched off (rpc_ntf)", "run setup")
    if "/" in str(mqtt.get("topic_prefix") or ""):
        yield Finding(
            True,
            f"MQTT: the topic prefix {plain(mqtt['topic_prefix'])} has several levels",
            "add <prefix>/events/rpc to BRIDGE_SUBSCRIPTIONS, or take a prefix of one level",
        )


def _script(device: Device, code: str) -> Iterator[Finding]:
    script = device.script
    if script is None:
        yield Finding(True, "script: not there", "run setup")
        return
    errors = [plain(error) for error in script.status.get("errors") or []]
    memory = script.status.get("mem_free")
    if "out_of_memory" in errors:
        yield Finding(True, "script: it ran out of memory", "stop other scripts on this gateway, then run setup")
    elif errors:
        yield Finding(True, f"script: it stopped with {', '.join(errors)}", "run setup; look at the gateway's log")
    elif not script.running:
        yield Finding(True, "script: stopped", "run setup")
    elif isinstance(memory, int) and memory < _LITTLE_MEMORY:
        yield Finding(False, f"script: only {memory} bytes of memory are free", "stop other scripts on this gateway")
    if not script.enable:
        yield Finding(True, "script: it does not start with the gateway", "run setup")
    if without_scan_times(script.code) != without_scan_times(code):
        yield Finding(False, "script: not the code of this version", "run setup")


def _native(device: Device) -> Iterator[Finding]:
    for mac, each in device.paired.items():
        errors = (each.get("status") or {}).get("errors") or []
        if not is_complete(device, mac):
            yield Finding(True, f"native component {mac}: none of its quantities is there", "run setup --native again")
        if errors:
            told = ", ".join(plain(error) for error in errors)
            yield Finding(True, f"native component {mac}: {told}", "give the gateway its key in the Shelly app")
    if device.mqtt.get("enable_rpc") is False:
        yield Finding(True, "MQTT: RPC is off, so nobody can ask which component is which", "run setup --native again")


def _openness(device: Device) -> Iterator[Finding]:
    if device.mqtt.get("enable") is True and device.mqtt.get("enable_rpc") is True and not device.paired:
        yield Finding(
            False,
            "RPC open over MQTT: whoever may publish on <prefix>/rpc owns the gateway, its password is not asked",
            "let the broker's ACL keep others from it, or setup --close-rpc",
        )
    if not device.identity.protected:
        yield Finding(
            False,
            "RPC open over HTTP: it has no password",
            "set one in its web page (Settings, Authentication), then use --admin-password-file",
        )


def without_scan_times(code: str) -> str:
    """The code but for what `setup --interval --window` sets."""
    return "\n".join(line for line in code.splitlines() if not line.startswith(("var INTERVAL_MS", "var WINDOW_MS")))
