"""The dashboards' files, and the queries that stand in them."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from tests.watch.files import ROOT

FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
Json = dict[str, Any]


class Query(NamedTuple):
    """One query: where it stands, the variable of its data source, its text."""

    where: str
    source: str
    text: str
    instant: bool = False


def read(name: str) -> Json:
    """A dashboard by its file's name."""
    board = json.loads((ROOT / "grafana" / "dashboards" / name).read_text())
    assert isinstance(board, dict)
    return board


def data_sources(folder: str) -> list[Json]:
    """What stands behind the dashboards: in the hardened stack (`datasources`), in the proof of concept (`poc`)."""
    found = yaml.safe_load((ROOT / "grafana" / "provisioning" / folder / "bluflow.yml").read_text())["datasources"]
    assert isinstance(found, list)
    return found


def panels(board: Json) -> list[Json]:
    """Every panel but the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    """Every query of all dashboards: of panels, marks and variables."""
    for path in FILES:
        board = read(path.name)
        for panel in panels(board):
            for target in panel["targets"]:
                text = target.get("expr") or target["query"]
                where = f"{path.stem}: {panel['title']} {target.get('refId', '')}"
                yield Query(where, target["datasource"]["uid"], text, target.get("instant", False))
        for mark in board["annotations"]["list"]:
            yield Query(f"{path.stem}: {mark['name']}", mark["datasource"]["uid"], mark["expr"])


def choices() -> Iterator[tuple[str, str, str]]:
    """Every variable that a query fills: where it stands, the series it looks at, the label whose values it gives."""
    for path in FILES:
        for name, one in variables(read(path.name)).items():
            if one["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"])
                assert found, one["query"]
                yield f"{path.stem}: {name}", found[1], found[2]


def variables(board: Json) -> dict[str, Json]:
    """The variables by name."""
    return {one["name"]: one for one in board["templating"]["list"]}
