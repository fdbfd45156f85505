"""What Docker Compose makes of several files together: `extends`, `!reset`, `!override`, and how each key is merged.

By the compose specification, for the keys that our files use. `python -m tests.deploy.compose FOLDER` writes each
combination into one file, for tools that know neither tag.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BASE = "docker-compose.yml"
# What is brought up: the name of a combination, its files.
COMBINATIONS = {"default": (BASE,), "poc": (BASE, "compose.poc.yml"), "ha": (BASE, "compose.ha.yml")}
_REPLACED = {"command", "entrypoint", "test"}  # lists that are one thing, not several


class Reset:
    """`!reset`: as if it had never been there."""


class Override:
    """`!override`: this instead of what was there."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Loader(yaml.SafeLoader):
    pass


def _override(loader: _Loader, node: yaml.Node) -> Override:
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        return Override(loader.construct_mapping(node, deep=True))
    assert isinstance(node, yaml.SequenceNode)
    return Override(loader.construct_sequence(node, deep=True))


_Loader.add_constructor("!reset", lambda *_: Reset())
_Loader.add_constructor("!override", _override)


def read(name: str) -> Any:
    """One file as it stands, without its x-… templates."""
    tree = yaml.load((ROOT / name).read_text(), _Loader)  # noqa: S506 - a safe one with two more tags
    return {key: value for key, value in tree.items() if not key.startswith("x-")}


def merged(files: tuple[str, ...]) -> Any:
    """The files as one tree."""
    whole: Any = {}
    for name in files:
        tree = read(name)
        for service in tree["services"].values():
            if extended := service.pop("extends", None):
                below = read(extended["file"])["services"][extended["service"]]
                above = dict(service)
                service.clear()
                service.update(_merge(below, above, ""))
        whole = _merge(whole, tree, "")
    return _plain(whole)


def _merge(below: Any, above: Any, key: str) -> Any:
    if isinstance(above, Override | Reset) or below is None:
        return above
    if isinstance(below, Override):
        below = below.value
    if isinstance(below, dict) and isinstance(above, dict):
        both = dict(below)
        for name, value in above.items():
            both[name] = _merge(both.get(name), value, name)
        return both
    if isinstance(below, list) and isinstance(above, list) and key not in _REPLACED:
        return [*below, *(each for each in above if each not in below)]
    return above


def _plain(tree: Any) -> Any:
    if isinstance(tree, Override):
        return _plain(tree.value)
    if isinstance(tree, dict):
        return {name: _plain(value) for name, value in tree.items() if not isinstance(value, Reset)}
    return [_plain(each) for each in tree] if isinstance(tree, list) else tree


if __name__ == "__main__":
    for combination, names in COMBINATIONS.items():
        (Path(sys.argv[1]) / f"{combination}.yml").write_text(yaml.safe_dump(merged(names), sort_keys=False))
