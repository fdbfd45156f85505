"""`sensors.yaml`: what people say of their sensors, read strictly; every error names its line. And written.

sensors:
  7c:c6:b6:bd:4c:b5:
    name: Fridge                   # all that can stand here: sensor_entry.py, schemas/sensors.schema.json
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from runtime.sensor_entry import form_of, read_entry
from runtime.settings import Settings, SettingsError
from runtime.watched_file import WatchedFile
from runtime.yaml_nodes import Wrong, compose, is_empty, pairs, shown
from schemas.address import normalise_mac
from schemas.registry import Entry, Registry


class InvalidSensors(SettingsError):
    """A file that cannot be used: one line, `file:line: what of which sensor: why`."""


class SensorsFile(WatchedFile[Registry]):
    """The registry of a file that an operator may edit while we run."""

    def __init__(self, path: Path, *, required: bool) -> None:
        """Read the file. Raises InvalidSensors.

        A file that is not there is an empty registry, unless it is `required`.
        """
        super().__init__(path, read_sensors, InvalidSensors, None if required else Registry())

    @property
    def registry(self) -> Registry:
        """As the file last said."""
        return self.content


def open_sensors(settings: Settings) -> SensorsFile:
    """The sensors file of the settings; it must be there only if a setting names it. Raises InvalidSensors."""
    return SensorsFile(settings.sensors_file, required="sensors_file" in settings.model_fields_set)


def read_sensors(path: Path) -> Registry:
    """The registry that the file holds. Raises InvalidSensors."""
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise InvalidSensors(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidSensors(f"{path}:{line}: not UTF-8") from None
    return parse_sensors(text, str(path))


def parse_sensors(text: str, name: str) -> Registry:
    """The registry that the text holds; `name` stands before the line in errors. Raises InvalidSensors."""
    try:
        return Registry(_entries(compose(text)))
    except Wrong as wrong:
        place = f"{name}:{wrong.line}" if wrong.line else name
        raise InvalidSensors(f"{place}: {wrong}") from None


def written(entries: Iterable[Entry]) -> str:
    """The text of a file that says so; `parse_sensors` reads it back, but for revisions."""
    sensors = {entry.sensor: form_of(entry) for entry in sorted(entries, key=lambda entry: entry.sensor)}
    return yaml.safe_dump({"sensors": sensors}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def _entries(root: yaml.Node | None) -> Iterator[Entry]:
    if root is None:
        return
    seen: dict[str, int] = {}
    for key, sensors in pairs(root, "the file", {"sensors"}):
        if is_empty(sensors):
            continue
        for address, entry in pairs(sensors, key.value):
            try:
                sensor = normalise_mac(address.value)
            except ValueError:
                raise Wrong(address, f"{shown(address)} is not a MAC address") from None
            if sensor in seen:
                raise Wrong(address, f"{sensor} is there twice, first on line {seen[sensor]}")
            seen[sensor] = address.start_mark.line + 1
            yield read_entry(sensor, entry)
