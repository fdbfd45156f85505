"""What we remember of a gateway: how it was before the first set-up, and what it does not let us read back.

One file a gateway, mode 0600. It holds no password: only a salted digest, to know the same one again.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any, Self

import msgspec

from shelly.rpc.errors import GatewayError
from shelly.setup.device import Device

_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


class Before(msgspec.Struct, frozen=True):
    """How it was: the configurations whole, our script's code (None: there was none), the native sensors' MACs."""

    sys: dict[str, Any]
    ble: dict[str, Any]
    mqtt: dict[str, Any]
    script_code: str | None = None
    script_enabled: bool = False
    script_running: bool = False
    paired: list[str] = []

    @classmethod
    def of(cls, device: Device) -> Self:
        """How this device is."""
        script = device.script
        return cls(
            device.sys,
            device.ble,
            device.mqtt,
            script.code if script else None,
            script.enable if script else False,
            script.running if script else False,
            sorted(device.paired),
        )


class Memory(msgspec.Struct):
    """`before` None: it was never set up from here. The digests are hex."""

    before: Before | None = None
    password_salt: str = ""
    password_digest: str = ""
    ca_digest: str = ""

    def knows_password(self, password: str) -> bool:
        """Whether this is the password that was set last."""
        return bool(self.password_digest) and hmac.compare_digest(self._digest(password), self.password_digest)

    def knows_ca(self, pem: str) -> bool:
        """Whether this certificate was put there last."""
        return self.ca_digest == _sha256(pem)

    def learn(self, password: str | None, pem: str | None) -> None:
        """Both are on the gateway now."""
        if password is not None and not self.knows_password(password):
            self.password_salt = secrets.token_hex(16)
            self.password_digest = self._digest(password)
        if pem is not None:
            self.ca_digest = _sha256(pem)

    def _digest(self, password: str) -> str:
        salt = bytes.fromhex(self.password_salt)
        return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()


def memory_file(data: Path, device_id: str) -> Path:
    """Where a gateway is remembered. The id comes from the device: nothing of it may lead elsewhere."""
    name = "".join(char if char.isalnum() or char in "-_" else "_" for char in device_id)[:80]
    return data / "gateways" / f"{name}.json"


def recall(file: Path) -> Memory:
    """What the file says; an empty memory if there is none. Raises GatewayError if it cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except OSError as error:
        raise GatewayError(f"{file} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise GatewayError(f"{file} is damaged ({error}): mend it, or move it away to begin anew") from error


def keep(file: Path, memory: Memory) -> None:
    """Write it whole or not at all. Raises GatewayError."""
    text = json.dumps(msgspec.to_builtins(memory), indent=2) + "\n"
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(text)
        new.replace(file)
    except OSError as error:
        raise GatewayError(f"{file} cannot be written ({error.strerror}): make it so, then run this again") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
