"""`sensors.yaml`: what people say of their sensors, read strictly; every error names its line.

sensors:
  7c:c6:b6:bd:4c:b5:
    name: Fridge
    location: Kitchen              # or dated: [{from: 2026-01-01, location: Cellar}, ...]
    expected_interval: 60          # seconds
    limits: {temperature: [2, 8], humidity: [null, 70]}
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml

from runtime.settings import Settings, SettingsError
from runtime.watched_file import WatchedFile
from runtime.yaml_nodes import Wrong, compose, is_empty, is_open, number, pairs, scalar, shown, text_of
from schemas.address import normalise_mac
from schemas.freshness import INTERVAL_MS
from schemas.registry import Entry, Limit, Placement, Registry

LONGEST_INTERVAL = 86_400

_QUANTITY = re.compile(r"[a-z0-9_]{1,64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[-+][0-9]{2}:[0-9]{2})?"
)
_EVER = 0  # no sensor of ours measured before 1970


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
            yield _entry(sensor, entry)


def _entry(sensor: str, node: yaml.Node) -> Entry:
    name: str | None = None
    placements: tuple[Placement, ...] = ()
    interval = INTERVAL_MS
    limits: dict[str, Limit] = {}
    if is_empty(node):
        return Entry(sensor)
    for key, value in pairs(node, sensor, {"name", "location", "expected_interval", "limits"}):
        what = f"{key.value} of {sensor}"
        match key.value:
            case "name":
                name = text_of(value, what)
            case "location":
                placements = _placements(value, what)
            case "expected_interval":
                interval = _interval(value, what)
            case _:
                limits = {
                    _quantity(quantity, what): _limit(limit, f"limit of {quantity.value} of {sensor}")
                    for quantity, limit in pairs(value, what)
                }
    return Entry(sensor, name, placements, interval, limits)


def _placements(node: yaml.Node, what: str) -> tuple[Placement, ...]:
    if not isinstance(node, yaml.SequenceNode):
        return (Placement(_EVER, text_of(node, what)),)
    found: dict[int, Placement] = {}
    for item in node.value:
        parts = {key.value: value for key, value in pairs(item, what, {"from", "location"})}
        if len(parts) < 2:
            raise Wrong(item, f"{what}: each entry of the list needs `from` and `location`")
        since = _moment(parts["from"], what)
        if since in found:
            raise Wrong(parts["from"], f"{what}: two places from the same time on")
        found[since] = Placement(since, text_of(parts["location"], what))
    return tuple(sorted(found.values()))


def _moment(node: yaml.Node, what: str) -> int:
    text = scalar(node, what)
    is_day = bool(_DAY.fullmatch(text))
    if not is_day and not _TIME.fullmatch(text):
        raise Wrong(
            node, f"{what}: {shown(node)} is neither a date (2026-03-01) nor a time (2026-03-01T08:00:00+01:00)"
        )
    try:
        moment = datetime.fromisoformat(text.upper())
        if is_day:
            moment = moment.replace(tzinfo=UTC)  # a date is its midnight, UTC
        if moment.tzinfo is None:
            raise Wrong(node, f"{what}: {shown(node)} has no offset from UTC: end it with Z or +01:00")
        since = round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Wrong(node, f"{what}: there is no {shown(node)}") from None
    if since < _EVER:
        raise Wrong(node, f"{what}: {shown(node)} is before 1970")
    return since


def _interval(node: yaml.Node, what: str) -> int:
    seconds = number(node, what, "a number of seconds")
    if not 1 <= seconds <= LONGEST_INTERVAL:
        raise Wrong(node, f"{what}: {shown(node)} is not from 1 to {LONGEST_INTERVAL} seconds")
    return round(seconds * 1000)


def _quantity(node: yaml.Node, what: str) -> str:
    if not _QUANTITY.fullmatch(node.value):
        raise Wrong(node, f"{what}: {shown(node)} is not the name of a quantity, such as temperature")
    return str(node.value)


def _limit(node: yaml.Node, what: str) -> Limit:
    if isinstance(node, yaml.SequenceNode) and len(node.value) == 2:
        low, high = (_bound(part, what) for part in node.value)
    elif isinstance(node, yaml.MappingNode):
        bounds = {key.value: _bound(value, what) for key, value in pairs(node, what, {"low", "high"})}
        low, high = bounds.get("low"), bounds.get("high")
    else:
        raise Wrong(node, f"{what}: not [low, high]; null leaves one end open")
    if low is None and high is None:
        raise Wrong(node, f"{what}: neither a low nor a high end")
    if low is not None and high is not None and low > high:
        raise Wrong(node, f"{what}: low {low:g} is above high {high:g}")
    return Limit(low, high)


def _bound(node: yaml.Node, what: str) -> float | None:
    return None if is_open(node) else number(node, what, "a number or null")
