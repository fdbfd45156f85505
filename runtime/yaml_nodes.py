"""Values read off YAML's nodes: each knows its line, none is taken for another type than was asked for.

`what` names in errors what is read, such as `name of 7c:c6:b6:bd:4c:b5`. What cannot be read raises Wrong.
"""

import math
import re
from typing import NoReturn

import yaml

LONGEST_TEXT = 200

_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
_OPEN = {"", "null", "~"}


class Wrong(Exception):
    """Why, and the line (from 1) where; None if nobody knows."""

    def __init__(self, at: yaml.Node | int | None, why: str) -> None:
        super().__init__(why)
        self.line = at.start_mark.line + 1 if isinstance(at, yaml.Node) else at


def compose(text: str) -> yaml.Node | None:
    """The root of a text, None if it is empty. Raises Wrong."""
    try:
        # BaseLoader makes no types: a MAC of digits only would be a number in base 60, a date a day without a zone
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Wrong(line, "a character that YAML does not allow") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        why = str(error.problem or error.context)
        why = "a tab where YAML wants spaces" if "'\\t'" in why else f"not YAML: {why}"
        raise Wrong(line, why) from None
    except (ValueError, OverflowError, RecursionError):  # escapes, versions and depths that the parser does not expect
        raise Wrong(None, "not YAML") from None
    return node


def number(node: yaml.Node, what: str, kind: str) -> float:
    """A finite number; `kind` is what the error asks for."""
    text = scalar(node, what)
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise Wrong(node, f"{what}: {shown(node)} is not {kind}")
    return float(text)


def text_of(node: yaml.Node, what: str) -> str:
    """A line of text, not empty, that can be shown."""
    text = scalar(node, what).strip()
    if not text or is_open(node):
        raise Wrong(node, f"{what}: empty")
    if len(text) > LONGEST_TEXT:
        raise Wrong(node, f"{what}: {len(text)} characters, at most {LONGEST_TEXT}")
    if not text.isprintable():
        raise Wrong(node, f"{what}: {shown(node)} has characters that cannot be shown")
    return text


def scalar(node: yaml.Node, what: str) -> str:
    """One value as it was written."""
    if not isinstance(node, yaml.ScalarNode):
        raise Wrong(node, f"{what}: one value is wanted here, not a list or a mapping")
    return str(node.value)


def pairs(node: yaml.Node, what: str, known: set[str] | None = None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """The keys and values of a mapping, each key a word, once, and one of `known`."""
    if not isinstance(node, yaml.MappingNode):
        _no_mapping(node, what, known)
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Wrong(key, f"{what}: a key must be one word")
        if known is not None and key.value not in known:
            raise Wrong(key, f"{what}: unknown key {shown(key)}; there are {', '.join(sorted(known))}")
        if key.value in seen:
            raise Wrong(key, f"{what}: {shown(key)} is there twice, first on line {seen[key.value]}")
        seen[key.value] = key.start_mark.line + 1
    return list(node.value)


def _no_mapping(node: yaml.Node, what: str, known: set[str] | None) -> NoReturn:
    keys = f" ({', '.join(sorted(known))})" if known else ""
    raise Wrong(node, f"{what}: names with values{keys} are wanted here")


def is_empty(node: yaml.Node) -> bool:
    """Nothing was written there."""
    return isinstance(node, yaml.ScalarNode) and not node.value and node.style is None


def is_open(node: yaml.Node) -> bool:
    """null in one of YAML's writings; in quotes it is a word."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value.lower() in _OPEN


def shown(node: yaml.Node) -> str:
    """A value for an error: its beginning, without control characters."""
    return repr(node.value[:40]) if isinstance(node, yaml.ScalarNode) else "this"
