"""A gateway as it is now."""

from pydantic import Field

from api.responses.contract import GATEWAY, TIME, Contract


class ScriptHeartbeat(Contract):
    """What our script on the gateway last said of itself; a member is null if it did not say it."""

    at: str = Field(description="when it arrived", examples=[TIME])
    uptime_seconds: int | None = Field(description="since the gateway's start", examples=[86_400])
    heard: int | None = Field(description="advertisements heard since the script's start", examples=[12_000])
    sent: int | None = Field(description="of them sent on", examples=[11_990])
    dropped: int | None = Field(description="of them dropped for want of room", examples=[0])
    memory_bytes: int | None = Field(description="free memory in bytes", examples=[12_048])


class Gateway(Contract):
    """One gateway as it is now."""

    id: str = Field(description="the name that it says it has, else its topic prefix", examples=[GATEWAY])
    prefix: str = Field(description="its MQTT topic prefix, which tells gateways apart", examples=[GATEWAY])
    online: bool | None = Field(description="what it last said on its online topic: a hint; null if nothing")
    silent: bool = Field(description="whether it says nothing, as far as the stream has come")
    silent_since: str | None = Field(description="its last frame before the silence, null while it speaks")
    last_frame: str = Field(description="when its last frame arrived", examples=[TIME])
    age_seconds: float = Field(description="now - last_frame in seconds; not part of the ETag", examples=[3.2])
    skew_seconds: float | None = Field(
        description="how far its clock is ahead of the bridge's, null as long as it is not known", examples=[0.4]
    )
    reboots: int = Field(description="restarts that were noticed")
    frames: int = Field(description="frames that it sent so far", examples=[41_230])
    heartbeat: ScriptHeartbeat | None = Field(description="null if our script never spoke")
    stopped_scripts: dict[str, str] = Field(
        description="scripts that stopped, and what they said", examples=[{"script:1": "stopped"}]
    )
    alarms: dict[str, str] = Field(
        description="trouble with its Bluetooth components", examples=[{"bthomedevice:200": "key_missing_or_bad"}]
    )
    flags: list[str] = Field(description="what is remarkable about it", examples=[["identity_changed"]])
    sensors: int = Field(description="sensors that it heard within their last ten intervals", examples=[10])


class Gateways(Contract):
    """Gateways, one page of them."""

    gateways: list[Gateway] = Field(description="sorted by prefix")
