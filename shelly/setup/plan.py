"""From how a gateway is set to how it shall be: steps. Pure; a gateway that is right already needs none."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shelly.rpc.errors import plain
from shelly.setup.device import Device, Script
from shelly.setup.memory import Memory
from shelly.setup.script import NAME, pieces
from shelly.setup.wanted import USER_CA, Wanted, wanted_config

NEW_SCRIPT = "<the script just made>"  # stands for its id, which the gateway chooses
_COMPONENTS = {"sys": ("time", "Sys"), "ble": ("Bluetooth", "BLE"), "mqtt": ("MQTT", "MQTT")}
Config = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """One RPC call. The parameters are not shown anywhere: they may hold a password."""

    method: str
    params: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Step:
    """What a person reads of it, and the calls; `pair` is the MAC of a native sensor to be added instead."""

    title: str
    calls: tuple[Call, ...] = ()
    pair: str | None = None


def plan(device: Device, wanted: Wanted, memory: Memory) -> list[Step]:
    """The steps in their order; empty if nothing is to be done. A reboot is not among them: the gateway asks for it."""
    broker = wanted.broker
    ca = broker.ca if broker.tls else None
    new_ca = ca is not None and not memory.knows_ca(ca)
    config = wanted_config(device, wanted)
    if broker.password is not None and not memory.knows_password(broker.password):
        config["mqtt"]["pass"] = broker.password  # it cannot be read back, so we remember what was set
    return [
        *([_put_ca(ca)] if ca and (new_ca or device.mqtt.get("ssl_ca") != USER_CA) else []),
        *config_steps(device, config),
        *(
            script_steps(device.script, wanted.code, enable=True, running=True)
            if wanted.code
            else _native(device, wanted)
        ),
    ]


def config_steps(device: Device, wanted: Config) -> Iterator[Step]:
    """A step for each component whose configuration differs; only what differs is written."""
    for name, (title, namespace) in _COMPONENTS.items():
        changed = difference(getattr(device, name), wanted.get(name, {}))
        if changed:
            told = ", ".join(_told(getattr(device, name), changed))
            yield Step(f"{title}: {told}", (Call(f"{namespace}.SetConfig", {"config": changed}),))


def difference(present: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The part of `wanted` that `present` does not have."""
    changed: dict[str, Any] = {}
    for key, value in wanted.items():
        held = present.get(key)
        if isinstance(value, dict):
            inner = difference(held if isinstance(held, dict) else {}, value)
            if inner:
                changed[key] = inner
        elif key not in present or held != value:
            changed[key] = value
    return changed


def script_steps(present: Script | None, code: str, *, enable: bool = True, running: bool = True) -> list[Step]:
    """The script has this code, starts with the gateway or not, runs or not."""
    if present is None:
        calls = (Call("Script.Create", {"name": NAME}), *_put(NEW_SCRIPT, code), *_state(NEW_SCRIPT, enable, running))
        return [Step(f"script {NAME}: put it there ({len(code)} bytes){' and start it' if running else ''}", calls)]
    if present.code != code:
        stop = (Call("Script.Stop", {"id": present.id}),) if present.running else ()
        calls = (*stop, *_put(present.id, code), *_state(present.id, enable, running))
        return [Step(f"script {NAME}: replace its code ({len(code)} bytes)", calls)]
    steps = []
    if present.enable != enable:
        call = Call("Script.SetConfig", {"id": present.id, "config": {"enable": enable}})
        steps.append(
            Step(f"script {NAME}: {'start it with the gateway' if enable else 'not with the gateway'}", (call,))
        )
    if present.running != running:
        verb = "Start" if running else "Stop"
        steps.append(Step(f"script {NAME}: {verb.lower()} it", (Call(f"Script.{verb}", {"id": present.id}),)))
    return steps


def remove_script(present: Script) -> Step:
    """The script is no longer there."""
    stop = (Call("Script.Stop", {"id": present.id}),) if present.running else ()
    return Step(f"script {NAME}: take it away", (*stop, Call("Script.Delete", {"id": present.id})))


def _native(device: Device, wanted: Wanted) -> list[Step]:
    missing = [mac for mac in wanted.sensors if not is_complete(device, mac)]
    return [
        *([remove_script(device.script)] if device.script else []),
        *(Step(f"native component: add {mac} and all it measures", pair=mac) for mac in missing),
    ]


def is_complete(device: Device, mac: str) -> bool:
    """Whether this sensor is there and at least one of its quantities."""
    owned = [each for each in device.components if str((each.get("config") or {}).get("addr")).lower() == mac]
    kinds = {str(each.get("key")).split(":")[0] for each in owned}
    return {"bthomedevice", "bthomesensor"} <= kinds


def _put_ca(pem: str) -> Step:
    lines = pem.strip().splitlines()
    calls = [Call("Shelly.PutUserCA", {"data": f"{line}\n", "append": n > 0}) for n, line in enumerate(lines)]
    return Step(f"TLS: put the authority's certificate there ({len(lines)} lines)", tuple(calls))


def _put(number: int | str, code: str) -> Iterator[Call]:
    for n, piece in enumerate(pieces(code)):
        yield Call("Script.PutCode", {"id": number, "code": piece, "append": n > 0})


def _state(number: int | str, enable: bool, running: bool) -> Iterator[Call]:
    yield Call("Script.SetConfig", {"id": number, "config": {"enable": enable}})
    if running:
        yield Call("Script.Start", {"id": number})


def _told(present: dict[str, Any], changed: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in changed.items():
        if key == "pass":
            yield "password"
        elif isinstance(value, dict):
            held = present.get(key)
            yield from _told(held if isinstance(held, dict) else {}, value, f"{path}{key}.")
        else:
            yield f"{path}{key} {_word(present.get(key))} -> {_word(value)}"


def _word(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else "on" if value else "off"
    return plain(value)
