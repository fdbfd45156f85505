"""`bluflow sensors`: the registry looked at and changed; orders about one sensor."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.frame import Frame
    from schemas.registry import Entry

sensors = typer.Typer(name="sensors", help="The registry, and orders about one sensor.", no_args_is_help=False)

Mac = Annotated[str, typer.Argument(help="The sensor's MAC address, in any writing.")]
Since = Annotated[
    str | None,
    typer.Option(help="From when on: a date, an RFC 3339 time or the word ever; now if left out.", show_default=False),
]


@sensors.command("list")
def list_sensors(
    unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Only those that nobody entered.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Every sensor that was heard or is in the registry. Names and places are those of sensors.yaml and the topic."""
    from cli.sensors_shown import listed_json, listed_text
    from cli.sensors_topic import look

    registry, heard = look()
    ids = sorted({*heard, *registry.entries} - ({*registry.entries} if unclaimed else set()))
    entries = [registry.entry(sensor) for sensor in ids]
    typer.echo((listed_json if as_json else listed_text)(entries, registry.entries, heard))


@sensors.command()
def name(mac: Mac, name: Annotated[str, typer.Argument(help="What people call it.")]) -> None:
    """Give a sensor its name; what nobody had entered is claimed by that."""
    from msgspec.structs import replace

    from cli.sensors_asked import sensor_of, text_of

    text = text_of(name, "the name")
    _change(sensor_of(mac), lambda entry: replace(entry, name=text))


@sensors.command()
def locate(
    mac: Mac,
    room: Annotated[str | None, typer.Option(help="The room.")] = None,
    floor: Annotated[str | None, typer.Option(help="The floor.")] = None,
    site: Annotated[str | None, typer.Option(help="The house, plant or address.")] = None,
    nowhere: Annotated[bool, typer.Option("--nowhere", help="It is at no place any more.")] = False,
    since: Since = None,
) -> None:
    """Say where a sensor is. Its place in the history is site/floor/room, only what is given of it."""
    from cli.sensors_asked import sensor_of, since_of, text_of
    from schemas.registry import Placement
    from schemas.registry_edits import placed

    given = {"--room": room, "--floor": floor, "--site": site}
    parts = [None if text is None else text_of(text, option) for option, text in given.items()]
    if any(parts) is nowhere:
        raise typer.BadParameter("say --room, --floor or --site, or else --nowhere")
    place = Placement(since_of(since), *parts)
    _change(sensor_of(mac), lambda entry: placed(entry, place))


@sensors.command()
def calibrate(
    mac: Mac,
    offsets: Annotated[list[str], typer.Argument(help="What is added, such as temperature=-0.3; 0 ends it.")],
    since: Since = None,
) -> None:
    """Correct what a sensor says. Readings keep what it said beside what is right."""
    from cli.sensors_asked import offset_of, sensor_of, since_of
    from schemas.registry_edits import calibrated

    moment = since_of(since)
    asked = [offset_of(given, moment) for given in offsets]

    def edit(entry: "Entry") -> "Entry":
        for quantity, offset in asked:
            entry = calibrated(entry, quantity, offset)
        return entry

    _change(sensor_of(mac), edit)


@sensors.command()
def interval(mac: Mac, expected: Annotated[str, typer.Argument(help="Such as 60s, 5m or 1h.")]) -> None:
    """Say how often a sensor is expected to speak: what is late, stale and lost follows from it."""
    from msgspec.structs import replace

    from cli.sensors_asked import interval_of, sensor_of

    milliseconds = interval_of(expected)
    _change(sensor_of(mac), lambda entry: replace(entry, interval_ms=milliseconds))


@sensors.command()
def limits(
    mac: Mac,
    ranges: Annotated[list[str], typer.Argument(help="Such as temperature=2..8; temperature= takes them away.")],
) -> None:
    """Say which values are in order, ends included; beyond them there is an alert."""
    from cli.sensors_asked import limit_of, sensor_of
    from schemas.registry_edits import limited

    asked = [limit_of(given) for given in ranges]

    def edit(entry: "Entry") -> "Entry":
        for quantity, limit in asked:
            entry = limited(entry, quantity, limit)
        return entry

    _change(sensor_of(mac), edit)


@sensors.command()
def forget(mac: Mac) -> None:
    """Take a sensor out of the registry. Its readings stay; it is listed as unclaimed when it is heard."""
    from cli.sensors_asked import sensor_of
    from cli.sensors_topic import forget

    forget(sensor_of(mac))


@sensors.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A file as sensors.yaml is, or as export writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Enter what a file says of its sensors, in the place of what is known of them. Others stay as they are."""
    from cli.sensors_topic import change
    from runtime.sensors_file import read_sensors

    entries = read_sensors(file).entries
    change({sensor: lambda held: entries[held.sensor] for sensor in entries}, write=not dry_run)


@sensors.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else it is printed.", show_default=False)] = None,
) -> None:
    """Write the whole registry, of sensors.yaml and topic, as one YAML file."""
    from cli.sensors_topic import registry
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


@sensors.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The file to look at; else the one of the settings.")] = None,
) -> None:
    """Print what the registry's file says, or what is wrong in it and on which line."""
    from cli.sensors_shown import entries_text
    from runtime.sensors_file import SensorsFile, open_sensors
    from runtime.settings import Settings, load

    held = SensorsFile(file, required=True) if file else open_sensors(load(Settings))
    entries = [held.registry.entries[sensor] for sensor in sorted(held.registry.entries)]
    typer.echo(entries_text(entries))
    typer.echo(f"{held.path}: {len(entries)} sensors" + ("" if held.path.exists() else " (no such file)"), err=True)


def _change(sensor: str, edit: "Callable[[Entry], Entry]") -> None:
    from cli.sensors_topic import change

    change({sensor: edit})


@sensors.command("reset-counter")
def reset_counter(mac: Annotated[str, typer.Argument(help="The sensor's MAC address, in any writing.")]) -> None:
    """Accept a lower encryption counter from this sensor once: after a new battery or a factory reset."""
    import asyncio
    import logging
    import time

    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    from cli.checks import reachable
    from cli.settings import RunSettings
    from cli.unusable import Unusable
    from runtime.kafka import topics_of
    from runtime.kafka_login import kafka_login
    from runtime.logs import origin
    from runtime.settings import load
    from schemas.address import normalise_mac
    from schemas.topics import RAW_FRAMES

    try:
        sensor = normalise_mac(mac)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    settings = load(RunSettings)
    broker = settings.broker_address
    frame, topic = reset_frame(sensor, time.time_ns() // 1_000_000), RAW_FRAMES.full_name(settings.topic_prefix)

    async def publish() -> str:
        await reachable("Kafka broker", broker, "BROKER")
        if topic not in await topics_of(broker):  # a producer may make what is missing, with one partition
            raise Unusable(f"{broker} has no topic {topic}: correct BROKER or BLUFLOW_TOPIC_PREFIX")
        async with AIOKafkaProducer(
            bootstrap_servers=broker, acks="all", request_timeout_ms=10_000, **kafka_login()
        ) as producer:
            record = await producer.send_and_wait(topic, frame.payload, sensor.encode(), headers=frame.headers())
        return origin(record.topic, record.partition, record.offset)

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        place = asyncio.run(publish())
    except KafkaError as error:
        raise Unusable(f"{broker} did not take the order: {str(error) or type(error).__name__}") from error
    typer.echo(f"{sensor}: its next packet may begin a new counter (order written at {place})")


def reset_frame(sensor: str, now: int) -> "Frame":
    """The operator's word that a sensor's counter begins anew; `now` in unix milliseconds."""
    from schemas.frame import Frame

    return Frame(f"bluflow/reset-counter/{sensor}", b"", now, operator=True)
