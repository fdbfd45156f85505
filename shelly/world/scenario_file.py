"""A scenario in YAML, read strictly; every error names its line. docs/simulate.md shows the keys."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml

from runtime.errors import SettingsError
from runtime.yaml_nodes import Wrong, compose, number, pairs, scalar, shown, text_of
from shelly.world.gateway import SHAPES
from shelly.world.models import MODELS
from shelly.world.room import Weather
from shelly.world.scenario import Event, GatewayPlan, Kind, Scenario, SensorPlan

FOLDER = Path(__file__).parents[1] / "scenarios"
MOST_GATEWAYS, MOST_SENSORS = 1_000, 100_000
KINDS: tuple[Kind, ...] = get_args(Kind)

_DURATION = re.compile(r"([-+]?[0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, None: 1_000}
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
_Made = TypeVar("_Made")
Read = Callable[[yaml.Node, str], Any]


class InvalidScenario(SettingsError):
    """A scenario that cannot be used: one line, `file:line: key: why`."""


def find(name: str) -> Path:
    """The file of a scenario: one that came with us, or a path. Raises InvalidScenario."""
    for path in (FOLDER / f"{name}.yaml", Path(name)):
        if path.is_file():
            return path
    raise InvalidScenario(f"no scenario {name!r}; there are {', '.join(known())}, or the path of a file of yours")


def known() -> list[str]:
    """The names of the scenarios that came with us."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_scenario(path: Path) -> Scenario:
    """The scenario that the file holds. Raises InvalidScenario."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidScenario(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidScenario(f"{path}: not UTF-8") from None
    return parse_scenario(text, str(path), path.stem)


def parse_scenario(text: str, file: str, name: str) -> Scenario:
    """The scenario that the text holds; `file` stands before the line in errors. Raises InvalidScenario."""
    try:
        root = compose(text)
        if root is None:
            raise Wrong(1, "empty: at least gateways and sensors are wanted")
        return _scenario(root, name)
    except Wrong as wrong:
        raise InvalidScenario(f"{file}:{wrong.line}: {wrong}" if wrong.line else f"{file}: {wrong}") from None


def _scenario(root: yaml.Node, name: str) -> Scenario:
    found = _mapping(root, "the file", SCENARIO)
    for key in ("gateways", "sensors"):
        if key not in found:
            raise Wrong(root, f"the file: no {key}")
    events = found.pop("events", ())
    scenario = Scenario(name=name, **found)
    sizes = {"rooms": scenario.rooms or len(scenario.sensors), "sensors": len(scenario.sensors)}
    sizes["gateways"] = len(scenario.gateways)
    for event, node in events:
        things = _THINGS[event.kind]
        if event.who >= sizes[things]:
            raise Wrong(node, f"{event.kind}: there is no {event.who} among the {sizes[things]} {things}, from 0")
    return replace(scenario, events=tuple(event for event, _ in events))


def _mapping(node: yaml.Node, what: str, known_keys: Mapping[str, Read]) -> dict[str, Any]:
    return {key.value: known_keys[key.value](value, key.value) for key, value in pairs(node, what, set(known_keys))}


def _groups(make: Callable[..., _Made], keys: Mapping[str, Read], most: int) -> Read:
    """A list of groups, each with a `count`; gives one plan for each single thing."""

    def read(node: yaml.Node, what: str) -> tuple[_Made, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise Wrong(node, f"{what}: a list of groups is wanted here, such as - {{count: 3}}")
        made: list[_Made] = []
        for group in node.value:
            found = _mapping(group, what, {**keys, "count": _whole(1, most)})
            made += [make(**{name: value for name, value in found.items() if name != "count"})] * found.get("count", 1)
            if len(made) > most:
                raise Wrong(group, f"{what}: more than {most}")
        return tuple(made)

    return read


def _events(node: yaml.Node, what: str) -> tuple[tuple[Event, yaml.Node], ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise Wrong(node, f"{what}: a list is wanted here, such as - {{at: 10m, window: 0, for: 5m}}")
    return tuple((_event(each), each) for each in node.value)


def _event(node: yaml.Node) -> Event:
    found = _mapping(node, "an event", EVENT)
    kinds = [kind for kind in KINDS if kind in found]
    if len(kinds) != 1 or "at" not in found:
        raise Wrong(node, f"an event: `at` and one of {', '.join(KINDS)} are wanted")
    [kind] = kinds
    if kind in ("window", "reboot", "offline", "silent") and not found.get("for"):
        raise Wrong(node, f"{kind}: for how long? Add `for`, such as for: 5m")
    if kind == "clock" and "by" not in found:
        raise Wrong(node, "clock: by how much? Add `by`, such as by: -90s")
    by = found.get("by", 0) if kind == "clock" else found.get("code", 1 if kind == "button" else 0)
    return Event(kind, found["at"], found[kind], found.get("for", 0), found.get("every", 0), by)


def _duration(node: yaml.Node, what: str) -> int:
    """Milliseconds, of `90`, `90s`, `1.5m`, `2h`, `1d`, `250ms`; none below zero."""
    if (duration := _signed(node, what)) < 0:
        raise Wrong(node, f"{what}: {shown(node)} is below zero")
    return duration


def _signed(node: yaml.Node, what: str) -> int:
    found = _DURATION.fullmatch(scalar(node, what))
    if not found:
        raise Wrong(node, f"{what}: {shown(node)} is no duration, such as 90s, 5m, 2h or 1d")
    return round(float(found[1]) * _UNITS[found[2]])


def _seconds(node: yaml.Node, what: str) -> float:
    milliseconds = _duration(node, what)
    if milliseconds < 100:
        raise Wrong(node, f"{what}: {shown(node)} is less than 0.1 s")
    return milliseconds / 1000


def _float(low: float, high: float) -> Read:
    def read(node: yaml.Node, what: str) -> float:
        value = number(node, what, "a number")
        if not low <= value <= high:
            raise Wrong(node, f"{what}: {shown(node)} is not from {low:g} to {high:g}")
        return value

    return read


def _whole(low: int, high: int) -> Read:
    def read(node: yaml.Node, what: str) -> int:
        value = number(node, what, "a whole number")
        if value != int(value) or not low <= value <= high:
            raise Wrong(node, f"{what}: {shown(node)} is not a whole number from {low} to {high}")
        return int(value)

    return read


def _word(words: tuple[str, ...]) -> Read:
    def read(node: yaml.Node, what: str) -> str:
        word = scalar(node, what)
        if word not in words:
            raise Wrong(node, f"{what}: no {shown(node)}; there are {', '.join(words)}")
        return word

    return read


def _bool(node: yaml.Node, what: str) -> bool:
    word = scalar(node, what).lower()
    if word not in _TRUTHS:
        raise Wrong(node, f"{what}: {shown(node)} is neither true nor false")
    return _TRUTHS[word]


def _weather(node: yaml.Node, what: str) -> Weather:
    return Weather(**_mapping(node, what, _WEATHER))


_WEATHER: dict[str, Read] = {"mean": _float(-60, 50), "swing": _float(0, 30), "humidity": _float(1, 100)}
GATEWAY: dict[str, Read] = {
    "shape": _word(SHAPES),
    "loss": _float(0, 0.99),
    "ahead": _signed,
    "drift": _float(-1000, 1000),
    "noise": _float(0, 6000),
}
SENSOR: dict[str, Read] = {
    "model": _word(tuple(MODELS)),
    "interval": _seconds,
    "encrypted": _bool,
    "battery": _float(1, 100),
    "drain": _float(0, 10_000),
}
EVENT: dict[str, Read] = {
    "at": _duration,
    "for": _duration,
    "every": _duration,
    "by": _signed,
    "code": _whole(0, 255),
    **{kind: _whole(0, MOST_SENSORS) for kind in KINDS},
}
_THINGS: dict[Kind, str] = {
    "window": "rooms",
    "battery": "sensors",
    "silent": "sensors",
    "button": "sensors",
    "reboot": "gateways",
    "offline": "gateways",
    "clock": "gateways",
}
SCENARIO: dict[str, Read] = {
    "about": text_of,
    "seed": _whole(0, 2**53),
    "duration": _seconds,
    "rooms": _whole(1, MOST_SENSORS),
    "spacing": _float(1, 1000),
    "weather": _weather,
    "gateways": _groups(GatewayPlan, GATEWAY, MOST_GATEWAYS),
    "sensors": _groups(SensorPlan, SENSOR, MOST_SENSORS),
    "events": _events,
}
