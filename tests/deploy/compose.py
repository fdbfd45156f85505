"""What Docker Compose makes of several files together: `extends`, `!reset`, `!override`, and how each key is merged.

By the compose specification, for the keys that our files use. `python -m tests.deploy.compose FOLDER LOADER` writes
each combination into one file, for tools that know neither tag, and sees that it is what Docker Compose's own loader
(scripts/compose) makes of the same files.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

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


def essence(service: Any) -> dict[str, Any]:
    """What a service is, in the short form of our files or the long one of the loader, as one."""
    said = dict(service)
    said["environment"] = {name: _text(value) for name, value in (said.get("environment") or {}).items()}
    said["volumes"] = sorted((volume.source.removeprefix("./"), *volume[1:]) for volume in volumes(said))
    said["ports"] = sorted(_port(each) for each in said.get("ports") or [])
    said["secrets"] = sorted(each["source"] if isinstance(each, dict) else each for each in said.get("secrets") or [])
    said["networks"] = sorted(said.get("networks") or [])
    waits = said.get("depends_on") or {}
    said["depends_on"] = {name: how["condition"] for name, how in waits.items()}
    said["test"] = _text((said.get("healthcheck") or {}).get("test"))
    for name in ("command", "entrypoint", "user", "image", "restart"):
        said[name] = _text(said.get(name))
    for name in ("cap_add", "cap_drop", "security_opt", "tmpfs", "profiles"):
        said[name] = said.get(name) or []
    kept = ("environment", "volumes", "ports", "secrets", "networks", "depends_on", "test", "command", "entrypoint")
    return {
        name: said[name] for name in (*kept, "user", "image", "restart", "cap_add", "cap_drop", "tmpfs", "profiles")
    }


def _text(value: Any) -> str:
    """With each variable's default in its place, and `$$` as the `$` that it stands for."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str("" if value is None else value)).replace("$$", "$")


class Volume(NamedTuple):
    """What a service mounts: the name of a volume, or a path, which begins with a dot or a slash."""

    source: str
    target: str
    read_only: bool

    @property
    def is_named(self) -> bool:
        return not self.source.startswith((".", "/"))


def volumes(service: Any) -> list[Volume]:
    """What a service mounts, in whichever form it says so."""
    return [_volume(each) for each in service.get("volumes") or []]


def _volume(value: Any) -> Volume:
    if isinstance(value, dict):
        return Volume(value["source"], value["target"], value.get("read_only", False))
    source, target, *how = value.split(":")
    return Volume(source, target, how == ["ro"])


def _port(value: Any) -> str:
    return f"{value['host_ip']}:{value['published']}:{value['target']}" if isinstance(value, dict) else _text(value)


def main(folder: Path, loader: str) -> None:
    """Exits with a line that names the service in which we differ from the loader, or with the loader's own words."""
    for combination, names in COMBINATIONS.items():
        ours = merged(names)
        (folder / f"{combination}.yml").write_text(yaml.safe_dump(ours, sort_keys=False))
        done = subprocess.run([loader, *names], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        theirs = yaml.safe_load(done.stdout)["services"]
        for name in ours["services"].keys() | theirs.keys():
            here, there = essence(ours["services"].get(name) or {}), essence(theirs.get(name) or {})
            if here != there:
                parts = {key: (here[key], there[key]) for key in here if here[key] != there[key]}
                sys.exit(f"{combination}: {name} is another one for Docker Compose: {parts}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
