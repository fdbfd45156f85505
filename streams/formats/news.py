"""What a frame says that is no advertisement by itself: parts of native components, and news of the gateway.

Adapters read it here without a state; `streams/gateways` folds it into the gateway's state. Times in unix
milliseconds unless a name says otherwise.
"""

import msgspec

from schemas.advertisement import Values


class SensorStatus(msgspec.Struct, frozen=True, gc=False):
    """`bthomesensor:2xx`: the value of one object of a device; UNSET if the frame leaves it out as unchanged."""

    component: str
    value: float | bool | str | msgspec.UnsetType = msgspec.UNSET
    updated_at: int | None = None  # last_updated_ts, of one second's resolution


class DeviceStatus(msgspec.Struct, frozen=True, gc=False):
    """`bthomedevice:2xx`: what is common to a device's packet. Absent attributes are unchanged."""

    component: str
    updated_at: int | None = None
    rssi: int | None = None
    battery: int | None = None
    packet_id: int | None = None
    errors: tuple[str, ...] | None = None  # () says that they are gone


class DeviceValues(msgspec.Struct, frozen=True, gc=False):
    """An event of `bthomedevice:2xx` with a `sensors` map: values by property, without need of the id map.

    `values` may hold a button press: {"button": {"event", "raw"}}.
    """

    component: str
    values: Values
    updated_at: int | None = None


class Component(msgspec.Struct, frozen=True, array_like=True):
    """What a native id means. `obj_id` is the BTHome object id (decimal), None for the device itself."""

    component: str
    sensor: str  # the device's MAC address
    obj_id: int | None
    index: int = 0
    model_id: int | None = None


class Inventory(msgspec.Struct, frozen=True):
    """One page of a gateway's answer to Shelly.GetComponents: `offset` of `total`, both counting all components.

    `revision` is the gateway's `cfg_rev`, if it says one. Ids that a full set of pages does not name are gone.
    """

    components: tuple[Component, ...]
    offset: int
    count: int
    total: int
    revision: int | None = None


class Online(msgspec.Struct, frozen=True, gc=False):
    """The gateway's own word on `<prefix>/online`; false is its last will, and may come late."""

    online: bool


class ScriptStatus(msgspec.Struct, frozen=True, gc=False):
    """`script:N` runs or has stopped, with its errors."""

    script: str
    running: bool
    errors: tuple[str, ...] = ()


class Beat(msgspec.Struct, frozen=True, gc=False):
    """Our script's heartbeat: uptime in seconds, counts of advertisements since its start, free memory in bytes."""

    uptime: int | None
    heard: int | None
    sent: int | None
    dropped: int | None
    memory: int | None


class Uptime(msgspec.Struct, frozen=True, gc=False):
    """The gateway's own uptime in seconds, from `sys`: one that went down tells of a restart."""

    seconds: int


News = SensorStatus | DeviceStatus | DeviceValues | Inventory | Online | ScriptStatus | Beat | Uptime
