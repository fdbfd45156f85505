"""What the pipeline makes of a packet or a frame, as `bluflow decode` shows it. Times in unix seconds."""

from typing import Any

import msgspec

from schemas.advertisement import Advertisement
from streams.formats import DecodedFrame
from streams.formats.bthome import Packet
from streams.formats.news import (
    Beat,
    Component,
    DeviceStatus,
    DeviceValues,
    Inventory,
    News,
    Online,
    ScriptStatus,
    SensorStatus,
    Uptime,
)

Shown = dict[str, Any]


def show_packet(packet: Packet) -> Shown:
    """A packet; its counter if it was encrypted."""
    shown = {
        "version": packet.version,
        "encrypted": packet.encrypted,
        "trigger_based": packet.trigger_based,
        "values": packet.values,
        "stopped": packet.stopped,
    }
    return shown | ({"counter": packet.counter} if packet.encrypted else {})


def show_frame(decoded: DecodedFrame) -> Shown:
    """A frame: its advertisements, news if it has any, the reasons of what was refused."""
    if decoded.dead_letter:
        return {"dead_letter": decoded.dead_letter.reason}
    shown: Shown = {"advertisements": [_advertisement(each) for each in decoded.advertisements]}
    if decoded.rejected:
        shown["rejected"] = [rejected.reason for rejected in decoded.rejected]
    if decoded.news:
        shown["news"] = [line for news in decoded.news for line in show_news(news)]
    if decoded.resets:
        shown["resets"] = decoded.resets
    return shown


def show_news(news: News) -> list[Shown]:
    """One piece of news; alarms stand for themselves."""
    match news:
        case SensorStatus(component, value, updated_at):
            said = {} if value is msgspec.UNSET else {"value": value}
            return [{"component": component} | said | _updated(updated_at)]
        case DeviceStatus():
            return _device(news)
        case DeviceValues(component, values):
            return [{"component": component, "values": values}]
        case ScriptStatus(script, running):
            return [{"component": script, "running": True} if running else {"alarm": f"{script} stopped"}]
        case Uptime(seconds):
            return [{"component": "sys", "uptime": seconds}]
        case Online(online):
            return [{"gateway_online": online}]
        case Beat():
            return [{"heartbeat": _told(msgspec.structs.asdict(news))}]
        case Inventory():
            return [_inventory(news)]


def _advertisement(advertisement: Advertisement) -> Shown:
    """What it does not have is left out, but for rssi and stopped."""
    shown: Shown = {
        name: value
        for name, value in msgspec.structs.asdict(advertisement).items()
        if name != "at" and (value is not None or name in ("rssi", "stopped"))
    }
    return shown | {
        "measured_at": advertisement.measured_at / 1000,
        "received_at": advertisement.received_at / 1000,
    }


def _device(status: DeviceStatus) -> list[Shown]:
    alarms = [{"alarm": f"{status.component} {error}"} for error in status.errors or ()]
    if alarms and status.packet_id is None and status.battery is None:  # the gateway could not read the packet
        return alarms
    told = _told({"packet_id": status.packet_id, "battery": status.battery, "rssi": status.rssi})
    return [{"component": status.component} | told | _updated(status.updated_at), *alarms]


def _inventory(page: Inventory) -> Shown:
    """Every component, and the map that it makes: sensor component -> MAC, BTHome object id, instance."""
    return {
        "inventory": [_told(msgspec.structs.asdict(component)) for component in page.components],
        "map": {each.component: _meaning(each) for each in page.components if each.obj_id is not None},
        "offset": page.offset,
        "total": page.total,
    }


def _meaning(component: Component) -> list[Any]:
    return [component.sensor, f"0x{component.obj_id:02X}", component.index]


def _updated(updated_at: int | None) -> Shown:
    if updated_at is None:
        return {}
    return {"last_updated_ts": updated_at / 1000 if updated_at % 1000 else updated_at // 1000}


def _told(fields: Shown) -> Shown:
    return {name: value for name, value in fields.items() if value is not None}
