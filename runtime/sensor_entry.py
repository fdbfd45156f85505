"""One sensor's entry as people write it, in YAML or JSON, and back.

name: Fridge
location: Kitchen               # or {site: Home, floor: 1, room: Kitchen}; or dated: [{from: 2026-01-01, location: A}]
expected_interval: 60           # seconds
limits: {temperature: [2, 8], humidity: [null, 70]}
offsets: {temperature: -0.3}    # is added; or dated: {temperature: [{from: 2026-01-01, offset: -0.3}]}

`schemas/sensors.schema.json` says the same for other tools; a test holds the two together.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import yaml

from runtime.yaml_nodes import Wrong, is_empty, is_open, number, pairs, scalar, shown, text_of
from schemas.freshness import INTERVAL_MS
from schemas.registry import Entry, Limit, Offset, Placement

LONGEST_INTERVAL = 86_400  # seconds
LARGEST_OFFSET = 1_000_000  # in the quantity's unit
EVER = 0  # no sensor of ours measured before 1970

QUANTITY = re.compile(r"[a-z0-9_]{1,64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[-+][0-9]{2}:[0-9]{2})?"
)
_KEYS = {"name", "location", "expected_interval", "limits", "offsets"}
_PLACE = ("room", "floor", "site")

Dated = TypeVar("Dated", Placement, Offset)


def read_entry(sensor: str, node: yaml.Node) -> Entry:
    """The entry that the node says. Raises Wrong."""
    if is_empty(node):
        return Entry(sensor)
    given: dict[str, Any] = {}
    for key, value in pairs(node, sensor, _KEYS):
        what = f"{key.value} of {sensor}"
        match key.value:
            case "name":
                given["name"] = text_of(value, what)
            case "location":
                given["placements"] = _dated(value, what, "location", _place, "two places")
            case "expected_interval":
                given["interval_ms"] = _interval(value, what)
            case "limits":
                given["limits"] = {
                    _quantity(quantity, what): _limit(limit, f"limit of {quantity.value} of {sensor}")
                    for quantity, limit in pairs(value, what)
                }
            case _:
                given["offsets"] = {
                    _quantity(quantity, what): _dated(
                        offset, f"offset of {quantity.value} of {sensor}", "offset", _offset, "two offsets"
                    )
                    for quantity, offset in pairs(value, what)
                }
    return Entry(sensor, **given)


def form_of(entry: Entry) -> dict[str, Any]:
    """The entry as it is written; `read_entry` reads it back, but for its revision."""
    form: dict[str, Any] = {"name": entry.name} if entry.name else {}
    if entry.placements:
        form["location"] = _dated_form(entry.placements, "location", _place_form)
    if entry.interval_ms != INTERVAL_MS:
        form["expected_interval"] = _plain(entry.interval_ms / 1000)
    if entry.limits:
        form["limits"] = {
            quantity: [None if bound is None else _plain(bound) for bound in limit]
            for quantity, limit in sorted(entry.limits.items())
        }
    if entry.offsets:
        form["offsets"] = {
            quantity: _dated_form(dated, "offset", lambda one: _plain(one.value))
            for quantity, dated in sorted(entry.offsets.items())
        }
    return form


def moment(text: str) -> int:
    """A date, which is its midnight in UTC, or a time with its offset, as unix milliseconds. Raises ValueError: why."""
    is_day = bool(_DAY.fullmatch(text))
    if not is_day and not _TIME.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is neither a date (2026-03-01) nor a time (2026-03-01T08:00:00+01:00)")
    try:
        when = datetime.fromisoformat(text.upper())
        when = when.replace(tzinfo=UTC) if is_day else when
        milliseconds = round(when.timestamp() * 1000) if when.tzinfo else None
    except (ValueError, OverflowError):
        raise ValueError(f"there is no {text[:40]!r}") from None
    if milliseconds is None:
        raise ValueError(f"{text[:40]!r} has no offset from UTC: end it with Z or +01:00")
    if milliseconds < EVER:
        raise ValueError(f"{text[:40]!r} is before 1970")
    return milliseconds


def shown_moment(time: int) -> str:
    """As `moment` reads it: a date, where it is a midnight in UTC."""
    when = datetime.fromtimestamp(time / 1000, UTC)
    if not time % 86_400_000:
        return when.date().isoformat()
    return when.isoformat(timespec="milliseconds" if time % 1000 else "seconds").replace("+00:00", "Z")


def _dated(
    node: yaml.Node, what: str, word: str, read: Callable[[int, yaml.Node, str], Dated], twice: str
) -> tuple[Dated, ...]:
    """One for ever, or a list of what holds from when on."""
    if not isinstance(node, yaml.SequenceNode):
        return (read(EVER, node, what),)
    found: dict[int, Dated] = {}
    for item in node.value:
        parts = {key.value: value for key, value in pairs(item, what, {"from", word})}
        if len(parts) < 2:
            raise Wrong(item, f"{what}: each entry of the list needs `from` and `{word}`")
        try:
            since = moment(scalar(parts["from"], what))
        except ValueError as error:
            raise Wrong(parts["from"], f"{what}: {error}") from None
        if since in found:
            raise Wrong(parts["from"], f"{what}: {twice} from the same time on")
        found[since] = read(since, parts[word], what)
    return tuple(found[since] for since in sorted(found))


def _dated_form(dated: tuple[Dated, ...], word: str, form: Callable[[Dated], Any]) -> Any:
    if len(dated) == 1 and dated[0].since == EVER and form(dated[0]) is not None:
        return form(dated[0])
    return [{"from": shown_moment(one.since), word: form(one)} for one in dated]


def _place(since: int, node: yaml.Node, what: str) -> Placement:
    """A room, or any of room, floor and site; null in a list: nobody says where from then on."""
    if not isinstance(node, yaml.MappingNode):
        nowhere = is_open(node) and not is_empty(node) and since != EVER
        return Placement(since) if nowhere else Placement(since, text_of(node, what))
    parts = {key.value: text_of(value, f"{key.value} of {what}") for key, value in pairs(node, what, set(_PLACE))}
    if not parts:
        raise Wrong(node, f"{what}: none of room, floor and site")
    return Placement(since, **parts)


def _place_form(place: Placement) -> Any:
    parts = {name: getattr(place, name) for name in reversed(_PLACE) if getattr(place, name)}
    return parts.get("room") if parts.keys() <= {"room"} else parts


def _offset(since: int, node: yaml.Node, what: str) -> Offset:
    found = number(node, what, "a number")
    if abs(found) > LARGEST_OFFSET:
        raise Wrong(node, f"{what}: {shown(node)} is beyond {LARGEST_OFFSET}")
    return Offset(since, found)


def _plain(value: float) -> float:
    """22 and not 22.0."""
    return int(value) if value == int(value) else value


def _interval(node: yaml.Node, what: str) -> int:
    seconds = number(node, what, "a number of seconds")
    if not 1 <= seconds <= LONGEST_INTERVAL:
        raise Wrong(node, f"{what}: {shown(node)} is not from 1 to {LONGEST_INTERVAL} seconds")
    return round(seconds * 1000)


def _quantity(node: yaml.Node, what: str) -> str:
    if not QUANTITY.fullmatch(node.value):
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
