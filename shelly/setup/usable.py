"""Which gateways can be set up: what they must be able to do, and with which firmware."""

from collections.abc import Collection

from shelly.rpc.errors import GatewayError
from shelly.setup.device import Identity

OLDEST = (1, 5, 0)  # the scan manager that our script's scan relies on
TOO_NEW = (3, 0, 0)  # nobody has described it yet
_ALWAYS = ("Sys.SetConfig", "BLE.SetConfig", "MQTT.SetConfig", "Shelly.Reboot")
_SCRIPT = ("Script.Create", "Script.PutCode", "Script.Start")
_NATIVE = ("BTHome.AddDevice", "BTHome.AddSensor", "BTHomeDevice.GetKnownObjects")


def refusal(identity: Identity, *, any_firmware: bool = False) -> str | None:
    """Why this device's generation or firmware will not do, in one line; None if it will."""
    who = f"{identity.id} ({identity.model}, firmware {identity.firmware})"
    if identity.generation < 2:
        return f"{who} is a Shelly of the first generation: it hears no sensors; take one of the second or later"
    version = identity.version
    if any_firmware:
        return None
    if version is None:
        return f"{who}: that is no firmware we know; --any-firmware tries it all the same"
    if version < OLDEST:
        return f"{who}: older than {_text(OLDEST)}; update it first (its web page, Settings, Firmware)"
    if version >= TOO_NEW:
        return f"{who}: newer than what is known here (below {_text(TOO_NEW)}); --any-firmware tries it all the same"
    return None


def refuse_unusable(
    identity: Identity, methods: Collection[str] | None = None, *, native: bool = False, any_firmware: bool = False
) -> None:
    """Raises GatewayError with the line that says what it lacks. `methods` None: not asked yet."""
    line = refusal(identity, any_firmware=any_firmware)
    if line is None and methods is not None:
        needed = (*_ALWAYS, *(_NATIVE if native else _SCRIPT))
        lacking = next((method for method in needed if method not in methods), None)
        if lacking is not None:
            other = "; without --native it may do" if native else ""
            line = f"{identity.id} ({identity.model}) cannot be a gateway: it has no {lacking}{other}"
    if line is not None:
        raise GatewayError(line)


def _text(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
