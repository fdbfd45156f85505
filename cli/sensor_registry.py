"""`bluflow sensors`: the registry looked at and changed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.registry import Entry

Mac = Annotated[str, typer.Argument(help="The sensor's MAC address, in any writing.")]
Since = Annotated[
    str | None,
    typer.Option(help="From when on: a date, an RFC 3339 time or the word ever; now if left out.", show_default=False),
]


def list_sensors(
    unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Only those that nobody entered.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Every sensor that was heard or is in the registry. Names and places are those of sensors.yaml and the topic."""
    from cli.sensor_registry_shown import listed_json, listed_text
    from cli.sensor_registry_topic import look

    registry, heard = look()
    ids = sorted({*heard, *registry.entries} - ({*registry.entries} if unclaimed else set()))
    entries = [registry.entry(sensor) for sensor in ids]
    typer.echo((listed_json if as_json else listed_text)(entries, registry.entries, heard))


def name(mac: Mac, name: Annotated[str, typer.Argument(help="What people call it.")]) -> None:
    """Give a sensor its name; what nobody had entered is claimed by that."""
    from msgspec.structs import replace

    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_asked import text_of

    text = text_of(name, "the name")
    _change(sensor_of(mac), lambda entry: replace(entry, name=text))


def locate(
    mac: Mac,
    room: Annotated[str | None, typer.Option(help="The room.")] = None,
    floor: Annotated[str | None, typer.Option(help="The floor.")] = None,
    site: Annotated[str | None, typer.Option(help="The house, plant or address.")] = None,
    nowhere: Annotated[bool, typer.Option("--nowhere", help="It is at no place any more.")] = False,
    since: Since = None,
) -> None:
    """Say where a sensor is. Its place in the history is site/floor/room, only what is given of it."""
    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_asked import since_of, text_of
    from schemas.registry import Placement
    from schemas.registry_edits import placed

    given = {"--room": room, "--floor": floor, "--site": site}
    parts = [None if text is None else text_of(text, option) for option, text in given.items()]
    if any(parts) is nowhere:
        raise typer.BadParameter("say --room, --floor or --site, or else --nowhere")
    place = Placement(since_of(since), *parts)
    _change(sensor_of(mac), lambda entry: placed(entry, place))


def calibrate(
    mac: Mac,
    offsets: Annotated[list[str], typer.Argument(help="What is added, such as temperature=-0.3; 0 ends it.")],
    since: Since = None,
) -> None:
    """Correct what a sensor says. Readings keep what it said beside what is right."""
    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_asked import offset_of, since_of
    from schemas.registry_edits import calibrated

    moment = since_of(since)
    asked = [offset_of(given, moment) for given in offsets]

    def edit(entry: "Entry") -> "Entry":
        for quantity, offset in asked:
            entry = calibrated(entry, quantity, offset)
        return entry

    _change(sensor_of(mac), edit)


def interval(mac: Mac, expected: Annotated[str, typer.Argument(help="Such as 60s, 5m or 1h.")]) -> None:
    """Say how often a sensor is expected to speak: what is late, stale and lost follows from it."""
    from msgspec.structs import replace

    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_asked import interval_of

    milliseconds = interval_of(expected)
    _change(sensor_of(mac), lambda entry: replace(entry, interval_ms=milliseconds))


def limits(
    mac: Mac,
    ranges: Annotated[list[str], typer.Argument(help="Such as temperature=2..8; temperature= takes them away.")],
) -> None:
    """Say which values are in order, ends included; beyond them there is an alert."""
    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_asked import limit_of
    from schemas.registry_edits import limited

    asked = [limit_of(given) for given in ranges]

    def edit(entry: "Entry") -> "Entry":
        for quantity, limit in asked:
            entry = limited(entry, quantity, limit)
        return entry

    _change(sensor_of(mac), edit)


def forget(mac: Mac) -> None:
    """Take a sensor out of the registry. Its readings stay; it is listed as unclaimed when it is heard."""
    from cli.sensor_keys import sensor_of
    from cli.sensor_registry_topic import forget

    forget(sensor_of(mac))


def import_file(
    file: Annotated[Path, typer.Argument(help="A file as sensors.yaml is, or as export writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Enter what a file says of its sensors, in the place of what is known of them. Others stay as they are."""
    from cli.sensor_registry_topic import change
    from runtime.sensors_file import read_sensors

    entries = read_sensors(file).entries
    change({sensor: lambda held: entries[held.sensor] for sensor in entries}, write=not dry_run)


def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else it is printed.", show_default=False)] = None,
) -> None:
    """Write the whole registry, of sensors.yaml and topic, as one YAML file."""
    from cli.sensor_registry_topic import registry
    from cli.unusable import Unusable
    from runtime.sensors_file import written

    entries = registry().entries
    text = written(entries.values())
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        with file.open("x") as opened:
            opened.write(text)
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from None
    typer.echo(f"{file}: {len(entries)} sensors", err=True)


def _change(sensor: str, edit: "Callable[[Entry], Entry]") -> None:
    from cli.sensor_registry_topic import change

    change({sensor: edit})
