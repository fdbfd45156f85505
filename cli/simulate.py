"""`bluflow simulate`: a world of gateways and sensors that speak MQTT and BTHome as real ones do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shelly.world.scenario import Scenario


def simulate(
    name: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="A scenario's name (see --list) or file; else a house.")
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="Print the scenarios that came with us.")] = False,
    gateways: Annotated[int | None, typer.Option(min=1, help="Number of gateways of the house: 3.")] = None,
    sensors: Annotated[int | None, typer.Option(min=1, help="Number of its sensors: 12.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds between two beacons of a sensor of the house: 60.")
    ] = None,
    mqtt: Annotated[str, typer.Option(help="MQTT broker, host:port; else the setting MQTT.")] = "",
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Shapes that the house's gateways take in turn: bluflow, or mixed, or a,b,c."),
    ] = None,
    native: Annotated[
        int | None, typer.Option(min=0, help="How many of its gateways run no script, but their own components.")
    ] = None,
    encrypted: Annotated[int | None, typer.Option(min=0, help="How many of its sensors encrypt.")] = None,
    loss: Annotated[
        float | None, typer.Option(min=0, max=0.99, help="Part of the copies that its gateways' scan misses: 0.3.")
    ] = None,
    keys_file: Annotated[Path | None, typer.Option(help="Write the encrypted sensors' keys there (YAML).")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same world.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many beacons.")] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")] = None,
    speed: Annotated[str, typer.Option(help="Times real time; max (or 0): as fast as MQTT takes it.")] = "1",
    start: Annotated[
        str, typer.Option(help="When the world begins (RFC 3339): same start and seed, same bytes; else now.")
    ] = "",
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Keep all while MQTT is away; a real gateway keeps 5 messages.")
    ] = False,
    truth: Annotated[
        Path | None, typer.Option(help="Write there what was measured, sent and lost (JSON lines).")
    ] = None,
) -> None:
    """Publish what a world full of BLU H&T sensors would. User and password are the bridge's settings."""
    from cli.simulate_played import play
    from shelly.world.scenario_file import find, read_scenario

    if list_:
        _list()
        return
    house = {
        "gateways": gateways,
        "sensors": sensors,
        "interval": interval,
        "formats": _formats(format_),
        "native": native,
        "encrypted": encrypted,
        "loss": loss,
    }
    given = {option: value for option, value in house.items() if value is not None}
    if name and given:
        option = "format" if "formats" in given else next(iter(given))
        raise typer.BadParameter(f"--{option} is of the house without a scenario: change a copy of {find(name)}")
    scenario = _ended(read_scenario(find(name)) if name else _house(given), seed, count, duration)
    pace = _pace(speed)
    if pace != 1 and scenario.count is None and scenario.duration is None:
        raise typer.BadParameter("--speed needs --count or --duration")
    play(scenario, mqtt, pace, _moment(start), keys_file=keys_file, truth=truth, lossless=lossless)


def _list() -> None:
    from cli.table import table
    from shelly.world.scenario_file import FOLDER, known, read_scenario

    read = [(name, read_scenario(FOLDER / f"{name}.yaml")) for name in known()]
    rows = [(name, str(len(s.gateways)), str(len(s.sensors)), s.about) for name, s in read]
    typer.echo("\n".join(table([("scenario", "gateways", "sensors", "what it is"), *rows])))


def _house(given: "Mapping[str, Any]") -> "Scenario":
    from shelly.world.scenario import house

    return house(**given)


def _ended(scenario: "Scenario", seed: int | None, count: int | None, duration: float | None) -> "Scenario":
    """With what was told of it on the command line."""
    from dataclasses import replace

    return replace(
        scenario,
        seed=scenario.seed if seed is None else seed,
        count=scenario.count if count is None else count,
        duration=scenario.duration if duration is None else duration,
    )


def _formats(text: str | None) -> tuple[str, ...] | None:
    """`mixed`, or names separated by commas."""
    from shelly.world.gateway import SHAPES
    from shelly.world.shapes import SCRIPTS

    if text is None:
        return None
    names = tuple(SCRIPTS) if text == "mixed" else tuple(text.split(","))
    for name in names:
        if name not in SHAPES:
            raise typer.BadParameter(f"no format {name!r}; there are mixed, {', '.join(SHAPES)}")
    return names


def _pace(text: str) -> float:
    try:
        pace = 0.0 if text == "max" else float(text)
    except ValueError:
        pace = -1
    if not 0 <= pace < 1e9:
        raise typer.BadParameter(f"--speed: {text!r} is neither a number such as 10 nor max")
    return pace


def _moment(text: str) -> int | None:
    from api.times import parse_instant

    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start") from None
