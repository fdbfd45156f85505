"""`bluflow.yaml`: the part of it that belongs to one process. A name that nobody knows is an error, with its line."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import SettingsError

CONFIG_VARIABLE = "BLUFLOW_CONFIG"
SECTIONS = ("run", "bridge", "streams", "sinks", "api", "inventory", "homeassistant")


def config_path() -> Path:
    """Where the file is, or would be."""
    return Path(os.environ.get(CONFIG_VARIABLE) or "bluflow.yaml")


@dataclass(frozen=True)
class Part:
    """Names and values of one process, and the line each stands on."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_part(section: str, common: Collection[str], own: Collection[str], *, whole: bool = True) -> Part:
    """The common names at the top level and the process's own under its section. Raises SettingsError.

    `whole`: the section has no other names. Else they are another process's, which looks at them.
    """
    path = config_path()
    if not path.exists():
        if os.environ.get(CONFIG_VARIABLE):
            raise SettingsError(f"{path}: no such file (named by {CONFIG_VARIABLE})")
        return Part()
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise SettingsError(f"{place}: not YAML: {_without_values(error)}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
    if root is None:
        return Part()
    top = _keys(path, root, [*common, *SECTIONS, section], "")
    node = top.get(section)
    is_empty = isinstance(node, yaml.ScalarNode) and tree[section] is None
    mine = _keys(path, node, own, f"{section}.", whole=whole) if node and not is_empty else {}
    values = {name: tree[name] for name in top if name in common} | {name: tree[section][name] for name in mine}
    nodes = {name: node for name, node in top.items() if name in common} | mine
    return Part(values, {name: node.start_mark.line + 1 for name, node in nodes.items()})


def _without_values(error: yaml.MarkedYAMLError) -> str:
    """What the parser says, but not the text that it quotes: that may be a secret."""
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return re.sub(r"""\s*(['"]).*\1""", "", said, flags=re.DOTALL)


def _keys(
    path: Path, node: yaml.Node, known: Collection[str], before: str, *, whole: bool = True
) -> dict[str, yaml.Node]:
    """The values' nodes by their keys, each known and there once. Unless `whole`, unknown ones are passed over."""
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(f"{path}:{node.start_mark.line + 1}: settings must be names with values")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name, place = str(key.value), f"{path}:{key.start_mark.line + 1}"
        if name not in known and not whole:
            continue
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {before}{near[0]}?" if near else f"there are {', '.join(sorted({*known} - {''}))}"
            # only the name: what stands behind it may be a secret
            raise SettingsError(f"{place}: there is no setting {before}{name[:40]}; {hint}")
        if name in found:
            raise SettingsError(f"{place}: {before}{name} is there twice")
        found[name] = value
    return found
