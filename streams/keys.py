"""Bind keys of encrypted sensors, in a secrets file: YAML or JSON, MAC address -> 32 hex digits."""

import binascii
from collections.abc import Mapping
from pathlib import Path

import yaml

from runtime.private_file import alone, replace
from runtime.settings import SettingsError
from runtime.watched_file import WatchedFile
from schemas.address import normalise_mac
from streams.settings import StreamsSettings

# What stands above the keys in a file that we wrote.
HEADER = "# Bind keys, written by `bluflow sensors set-key`, which keeps no comments of yours.\n"

_KEY_BYTES = 16
_LONGEST_MAC = 20


class InvalidKeys(SettingsError):
    """A secrets file that cannot be used: one line that names the file and the MAC, never a key."""


def load_keys(path: Path) -> dict[str, bytes]:
    """Keys of 16 bytes by sensor id. Raises InvalidKeys."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InvalidKeys(f"{path}: {why}") from None
    keys: dict[str, bytes] = {}
    for number, (address, digits) in enumerate(_entries(path, text), 1):
        # what stands in the MAC's place may be a key by mistake, so a long one is not shown
        shown = address if len(address) <= _LONGEST_MAC else f"entry {number}"
        try:
            sensor = normalise_mac(address)
        except ValueError:
            raise InvalidKeys(f"{path}: {shown} is not a MAC address") from None
        if sensor in keys:
            raise InvalidKeys(f"{path}: {sensor} is there twice")
        try:
            keys[sensor] = binascii.unhexlify(digits)
        except ValueError:
            raise InvalidKeys(f"{path}: the key of {sensor} is not hex digits") from None
        if len(keys[sensor]) != _KEY_BYTES:
            raise InvalidKeys(f"{path}: the key of {sensor} is not 32 hex digits") from None
    return keys


def _entries(path: Path, text: str) -> list[tuple[str, str]]:
    try:
        # BaseLoader makes no types: a MAC of digits only would be a number in base 60, a key a very large one
        # and JSON may be indented with tabs, which YAML refuses
        node = yaml.compose(text.replace("\t", " "), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # the error's own text quotes the file, keys and all
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidKeys(f"{path}: neither YAML nor JSON{where}") from None
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise InvalidKeys(f"{path}: not a mapping of MAC addresses to keys")
    entries = []
    for number, (address, key) in enumerate(node.value, 1):
        if not isinstance(address, yaml.ScalarNode) or not isinstance(key, yaml.ScalarNode):
            raise InvalidKeys(f"{path}: entry {number} is not a MAC address and a key")
        entries.append((address.value, key.value))
    return entries


class KeyFile(WatchedFile[dict[str, bytes]]):
    """The keys of a file that an operator may edit while we run."""

    def __init__(self, path: Path, *, required: bool = True) -> None:
        """Read the file. Raises InvalidKeys. Without a file there are no keys, unless it is `required`."""
        super().__init__(path, load_keys, InvalidKeys, None if required else {})

    @property
    def keys(self) -> dict[str, bytes]:
        """As the file last said."""
        return self.content


def open_keys(settings: StreamsSettings) -> KeyFile:
    """The keys of the settings' file; it must be there only if a setting names it. Raises InvalidKeys."""
    return KeyFile(settings.keys_path, required=settings.keys_file is not None)


def read_key(text: str) -> bytes:
    """A key as people paste it: 32 hex digits, perhaps with white space around them. Raises InvalidKeys."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidKeys("a bind key is 32 hex digits, as Shelly's BLE Debug app shows it")
    return key


def set_key(path: Path, sensor: str, key: bytes) -> bool:
    """Put a sensor's key into the file, which is made if need be. Whether another one was replaced.

    Raises SettingsError.
    """
    with alone(path):
        keys = load_keys(path) if path.exists() else {}
        _write(path, keys | {sensor: key})
    return keys.get(sensor, key) != key


def forget_key(path: Path, sensor: str) -> None:
    """Take a sensor's key out of the file. Raises SettingsError, also if it has none."""
    with alone(path):
        keys = load_keys(path) if path.exists() else {}
        if keys.pop(sensor, None) is None:
            raise InvalidKeys(f"{path}: no key of {sensor}; `bluflow sensors keys` lists who has one")
        _write(path, keys)


def _write(path: Path, keys: Mapping[str, bytes]) -> None:
    # quoted: a key of digits alone would be a number to other readers of YAML
    replace(path, HEADER + "".join(f'"{sensor}": "{key.hex()}"\n' for sensor, key in sorted(keys.items())))
