"""A stand-in for a gateway: no Shelly was at hand. Its methods do what Shelly's documents say.

Written from gen2/General/{RPCProtocol,RPCChannels,Authentication,CommonErrors} and the pages of Shelly, Sys, BLE, MQTT,
Script and BTHome; where they are silent it is the stricter of two guesses, marked so. Configurations survive its
reboot, everything else does not; MQTT and Bluetooth use a new configuration after a reboot only.
"""

# ruff: noqa: N802  handlers are named as the device's methods
import json
import re
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

INVALID, EXISTS, EXHAUSTED, PRECONDITION, NO_HANDLER = -103, -106, -108, -109, 404
_SNTP = 0.2  # seconds after its start until it knows the time
Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StandInGateway:
    """One gateway's memory. `accepts` says whether the MQTT broker would take a configuration (`pass` among it)."""

    def __init__(self, firmware: str = "1.6.2", password: str | None = None, model: str = "SPSW-202XE12UL") -> None:
        self.id, self.firmware, self.password, self.model = "shellypro2-a8032abe54dc", firmware, password, model
        self.second = not firmware.startswith("1.")
        self.generation = 2
        self.accepts: Callable[[Json], bool] = lambda mqtt: True
        self.sys: Json = {"device": {"name": None}, "sntp": {"server": "time.google.com"}, "cfg_rev": 1}
        # `enable` is gone in 2.0 (openhab-addons#21179)
        self.ble: Json = {"rpc": {"enable": True}} if self.second else {"enable": False, "rpc": {"enable": True}}
        self.mqtt: Json = {
            "enable": False, "server": None, "client_id": self.id, "user": None, "ssl_ca": None,
            "topic_prefix": self.id, "rpc_ntf": True, "status_ntf": False, "use_client_cert": False,
            "enable_rpc": True, "enable_control": True,
        }  # fmt: skip
        self.mqtt_password: str | None = None
        self.ca: str | None = None
        self.scripts: dict[int, Json] = {}
        self.components: list[Json] = []
        self.in_reach: dict[str, list[Json]] = {}  # MAC -> objects that its packets hold
        self.relayed: dict[str, str] = {}  # MAC -> service data in base64
        self.lately = ""
        self.mem_free = 17_000
        self.clock_ahead = 0.0
        self.has_time = True
        self.lacks: set[str] = set()
        self.calls: list[tuple[str, Json]] = []
        self.refused_logins = 0
        self.reboots = 0
        self.away_until = 0.0
        self.started = time.monotonic() - 1000
        self.restart_required = False
        self._boot()

    def written(self) -> list[str]:
        """The methods called that change something."""
        reading = ("Get", "List", "Eval")
        return [method for method, _ in self.calls if not method.split(".")[-1].startswith(reading)]

    def script(self, name: str = "bluflow") -> Json | None:
        return next((each for each in self.scripts.values() if each["name"] == name), None)

    def _boot(self) -> None:
        self.used_mqtt: Json = deepcopy(self.mqtt) | {"pass": self.mqtt_password}
        self.restart_required = False
        for script in self.scripts.values():
            script["running"], script["errors"] = script["enable"], []

    def answer(self, method: str, params: Json) -> Any:
        """The result of a call. Raises Refused."""
        self.calls.append((method, params))
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if handler is None or method in self.lacks:
            raise Refused(NO_HANDLER, f"No handler for {method}")
        return handler(**params)

    def _Shelly_GetDeviceInfo(self) -> Json:
        return {
            "name": None, "id": self.id, "mac": "A8032ABE54DC", "model": self.model, "gen": self.generation,
            "fw_id": f"20250101-000000/{self.firmware}-g0", "ver": self.firmware, "app": "Pro2",
            "auth_en": self.password is not None, "auth_domain": self.id if self.password else None,
        }  # fmt: skip

    def _Shelly_ListMethods(self) -> Json:
        names = (name[1:].replace("_", ".", 1) for name in dir(self) if re.match(r"_[A-Z]", name))
        named = {name.replace("CloudRelay_", "CloudRelay.") for name in names}
        return {"methods": sorted(named - self.lacks)}

    def _Shelly_Reboot(self, delay_ms: int = 1000) -> None:
        self.reboots += 1
        self.away_until = time.monotonic() + 0.1  # shorter than a real one's seconds
        self.started = self.away_until
        self._boot()

    def _Shelly_PutUserCA(self, data: str | None, append: bool = False) -> Json:
        self.ca = (self.ca or "") + data if append and data else data
        return {"len": len(self.ca or "")}

    def _Shelly_GetComponents(self, offset: int = 0, include: list[str] = [], dynamic_only: bool = False) -> Json:  # noqa: B006
        page = self.components[offset : offset + 3]
        return {"components": deepcopy(page), "offset": offset, "total": len(self.components), "cfg_rev": 1}

    def _Sys_GetConfig(self) -> Json:
        return deepcopy(self.sys)

    def _Sys_SetConfig(self, config: Json) -> Json:
        return self._set(self.sys, config, needs=False)

    def _Sys_GetStatus(self) -> Json:
        uptime = time.monotonic() - self.started
        now = time.time() + self.clock_ahead if self.has_time and uptime > _SNTP else None
        return {"mac": "A8032ABE54DC", "restart_required": self.restart_required, "unixtime": now, "uptime": uptime}

    def _BLE_GetConfig(self) -> Json:
        return deepcopy(self.ble)

    def _BLE_SetConfig(self, config: Json) -> Json:
        return self._set(self.ble, config)

    def _BLE_CloudRelay_ListInfos(self, offset: int = 0) -> Json:
        macs = sorted(self.relayed)[offset : offset + 2]
        told = [{mac: {"name": None, "sdata": {"fcd2": self.relayed[mac]}, "last_seen": 1}} for mac in macs]
        return {"ts": 1, "offset": offset, "count": len(told), "total": len(self.relayed), "devices": told}

    def _MQTT_GetConfig(self) -> Json:
        return deepcopy(self.mqtt)  # `pass` can only be written

    def _MQTT_SetConfig(self, config: Json) -> Json:
        if "pass" in config:
            config = dict(config)
            self.mqtt_password = config.pop("pass")
            self.restart_required = True
        if config.get("ssl_ca", self.mqtt["ssl_ca"]) == "user_ca.pem" and not self.ca:
            raise Refused(INVALID, "no such file: user_ca.pem")  # a guess
        return self._set(self.mqtt, config)

    def _MQTT_GetStatus(self) -> Json:
        return {"connected": bool(self.used_mqtt["enable"]) and self.accepts(self.used_mqtt)}

    def _set(self, held: Json, config: Json, *, needs: bool = True) -> Json:
        unknown = [key for key in config if key not in held]
        if unknown:
            raise Refused(INVALID, f"Argument 'config', value has unknown key '{unknown[0]}'")  # a guess
        for key, value in config.items():
            if isinstance(value, dict):
                self._set(held[key], value, needs=needs)
            elif held[key] != value:
                held[key] = value
                self.restart_required |= needs
        return {"restart_required": self.restart_required}

    def _Script_List(self) -> Json:
        keys = ("id", "name", "enable", "running")
        return {"scripts": [{key: each[key] for key in keys} for each in self.scripts.values()]}

    def _Script_Create(self, name: str) -> Json:
        if len(self.scripts) >= 10:
            raise Refused(EXHAUSTED, "Scripts limit reached")
        number = max(self.scripts, default=0) + 1
        self.scripts[number] = {
            "id": number, "name": name, "enable": False, "running": False, "code": "", "errors": []
        }  # fmt: skip
        return {"id": number}

    def _Script_Delete(self, id: int) -> None:
        self._script(id)
        del self.scripts[id]

    def _Script_PutCode(self, id: int, code: str, append: bool = False) -> Json:
        script = self._script(id)
        if script["running"]:
            raise Refused(PRECONDITION, "script is running")  # a guess
        script["code"] = script["code"] + code if append else code
        if len(script["code"]) > 20_480:
            raise Refused(INVALID, "code is too long")
        return {"len": len(script["code"])}

    def _Script_GetCode(self, id: int, offset: int = 0, len: int = 1024) -> Json:
        code = self._script(id)["code"]
        rest = code[offset:]
        return {"data": rest[:len], "left": max(0, rest.__len__() - len)}

    def _Script_SetConfig(self, id: int, config: Json) -> Json:
        self._script(id).update(config)
        return {"restart_required": False}

    def _Script_GetStatus(self, id: int) -> Json:
        script = self._script(id)
        if not script["running"]:
            return {"id": id, "running": False} | ({"errors": script["errors"]} if script["errors"] else {})
        return {"id": id, "running": True, "mem_used": 6000, "mem_peak": 8000, "mem_free": self.mem_free}

    def _Script_Start(self, id: int) -> Json:
        script = self._script(id)
        was, script["running"], script["errors"] = script["running"], True, []
        return {"was_running": was}

    def _Script_Stop(self, id: int) -> Json:
        script = self._script(id)
        was, script["running"] = script["running"], False
        return {"was_running": was}

    def _Script_Eval(self, id: int, code: str) -> Json:
        if not self._script(id)["running"]:
            raise Refused(PRECONDITION, "script is not running")
        assert code == "lately()"
        return {"result": json.dumps(self.lately)}

    def _script(self, number: int) -> Json:
        if number not in self.scripts:
            raise Refused(-105, f"Argument 'id', value {number} not found!")
        return self.scripts[number]

    def _BTHome_StartDeviceDiscovery(self, duration: int) -> None:
        self.listening = True

    def _BTHome_AddDevice(self, config: Json) -> Json:
        mac = config["addr"]
        if self._component("bthomedevice", mac):
            raise Refused(EXISTS, f"device {mac} already exists")
        if mac not in self.in_reach or not getattr(self, "listening", False):
            raise Refused(-104, f"no packet of {mac} was heard")
        return {"key": self._added("bthomedevice", config, {"rssi": -66, "battery": 100, "packet_id": 1})}

    def _BTHomeDevice_GetKnownObjects(self, id: int) -> Json:
        [device] = [each for each in self.components if each["key"] == f"bthomedevice:{id}"]
        mac = device["config"]["addr"]
        objects = []
        for each in self.in_reach.get(mac, []):
            known = [
                c for c in self.components if c["config"].get("obj_id") == each["obj_id"] and c["config"]["addr"] == mac
            ]
            objects.append(each | {"component": known[0]["key"] if known else None})
        return {"id": id, "objects": objects}

    def _BTHome_AddSensor(self, config: Json) -> Json:
        return {"added": self._added("bthomesensor", config, {"value": 1})}

    def _BTHome_DeleteDevice(self, id: int) -> None:
        self.components = [each for each in self.components if each["key"] != f"bthomedevice:{id}"]

    def _BTHome_DeleteSensor(self, id: int) -> None:
        self.components = [each for each in self.components if each["key"] != f"bthomesensor:{id}"]

    def _added(self, kind: str, config: Json, status: Json) -> str:
        taken = [int(each["key"].split(":")[1]) for each in self.components if each["key"].startswith(kind)]
        number = max(taken, default=199) + 1
        key = f"{kind}:{number}"
        self.components.append({"key": key, "config": config | {"id": number}, "status": status | {"id": number}})
        return key

    def _component(self, kind: str, mac: str) -> Json | None:
        return next((c for c in self.components if c["key"].startswith(kind) and c["config"]["addr"] == mac), None)
