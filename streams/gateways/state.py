"""What decode keeps of one gateway. Encoded: 8 bytes of revision, then MessagePack; load and dump are inverse."""

import msgspec

from schemas.advertisement import Values
from schemas.gateway import Heartbeat
from streams.formats.news import Component
from streams.gateways.skew import Skew

VERSION = 1
# Before a gateway's record key: a gateway may be called like the other keys of decode's table.
KEY_PREFIX = b"gateway/"


class Part(msgspec.Struct, array_like=True):
    """What was last heard of one native component. Times in unix milliseconds, rssi in dBm.

    `updated_at` names the packet that it comes from, `pending` is false once a reading has carried it. `values` are a
    device's own, by property; `value` is a sensor component's, whose property only the components map knows.
    """

    updated_at: int
    received_at: int
    queued: bool = False
    retain: bool = False
    archived: bool = False
    pending: bool = True
    value: int | float | bool | str | None = None  # as JSON has it: 22 stays 22
    rssi: int | None = None
    values: Values = {}


class Pages(msgspec.Struct, array_like=True):
    """The pages of an inventory so far: components of `seen` of `total`, at the gateway's config `revision`."""

    seen: int
    total: int
    revision: int | None
    components: list[Component]


class Native(msgspec.Struct, array_like=True):
    """The native components of a gateway. `waiting`: sensor -> since when its parts wait for the rest of a packet.

    `parts` also holds what components said that the map does not know (yet).
    """

    components: dict[str, Component] = {}
    pages: Pages | None = None
    parts: dict[str, Part] = {}
    waiting: dict[str, int] = {}


class GatewayMemory(msgspec.Struct, array_like=True):
    """One gateway, by its record key `prefix`. Times in unix milliseconds.

    `source` is the `src` first seen. `spoke_at`: first frame after a silence, until a tick has told so. `unpublished`:
    there were frames since the gateway's record was last written.
    """

    version: int = VERSION
    revision: int = 0
    prefix: str = ""
    source: str | None = None
    identity_changed: bool = False
    last_frame: int = 0
    frames: int = 0
    unpublished: bool = False
    silent_since: int | None = None
    spoke_at: int | None = None
    skew: Skew = msgspec.field(default_factory=Skew)
    published_skew: int | None = None
    online: bool | None = None
    online_at: int | None = None
    uptime: int | None = None
    booted_at: int | None = None
    reboots: int = 0
    heartbeat: Heartbeat | None = None
    stopped_scripts: dict[str, str] = {}
    alarms: dict[str, str] = {}
    native: Native = msgspec.field(default_factory=Native)

    @property
    def identity(self) -> str:
        """The name that its advertisements carry."""
        return self.source or self.prefix


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(GatewayMemory).decode


class UnknownVersion(Exception):
    """A state of a bluflow newer than this one."""


def dump(memory: GatewayMemory) -> bytes:
    """The bytes for the changelog."""
    return memory.revision.to_bytes(8, "big") + _encode(memory)


def load(value: "bytes | GatewayMemory | None", key: bytes) -> GatewayMemory:
    """Of a table's value, as recovered or as held; a new one for a gateway never heard. Raises UnknownVersion."""
    if isinstance(value, GatewayMemory):
        return value
    if value is None:
        return GatewayMemory(prefix=key.decode(errors="replace"))
    return migrate(_decode(memoryview(value)[8:]))


def migrate(memory: GatewayMemory) -> GatewayMemory:
    """From any older version to this one. There is none yet."""
    if memory.version > VERSION:
        raise UnknownVersion(f"state of version {memory.version}, this bluflow knows {VERSION}: do not go back")
    return memory
