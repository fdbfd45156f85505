"""`bluflow archive`: raw frames to and from Parquet files, so that history outlives the topic and moves."""

import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Result = TypeVar("Result")

archive = typer.Typer(name="archive", help="Raw frames to and from Parquet files.", no_args_is_help=False)

_JSON = typer.Option("--json", help="Print JSON instead of lines.")
_FILES = typer.Argument(help="Parquet files of bluflow archive export, or folders of them.", metavar="PATH")
_FOLDER = typer.Argument(
    help="A file or a folder; by default archive in BLUFLOW_DATA.", metavar="PATH", show_default=False
)


@archive.command("export")
def export_frames(
    start: Annotated[str, typer.Option("--from", help="A date or an RFC 3339 time; a date is its midnight, UTC.")],
    end: Annotated[str, typer.Option("--to", help="Where the range of arrival ends, itself not in it.")],
    path: Annotated[
        Path | None,
        typer.Argument(help="With --from-archive: an archive.sqlite; by default the one in BLUFLOW_DATA."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files; by default archive in BLUFLOW_DATA.", show_default=False)
    ] = None,
    from_archive: Annotated[
        bool, typer.Option("--from-archive", help="Read the embedded archive, or PATH, instead of Kafka.")
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Write the raw frames that arrived in a range of time to Parquet files, one a UTC day.

    A day's file that is there already keeps its rows and gets what it lacks. It may be interrupted, and run again.
    """
    from cli.archive_export import Export, cluster_of, live, stored
    from cli.archive_shown import exported_json, exported_text
    from cli.instants import instants
    from cli.settings import RunSettings
    from cli.unusable import Unusable
    from runtime.settings import load
    from schemas.topics import RAW_FRAMES
    from streams.replay.days import Days

    span = instants(start, end)
    try:
        days = Days.touched_by(*span)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from None
    if span[0] > time.time_ns() // 1_000_000:
        raise typer.BadParameter("it lies in the future", param_hint="--from")
    if path and not from_archive:
        raise typer.BadParameter(f"{path}: a file is read with --from-archive", param_hint="PATH")
    settings = load(RunSettings)
    export = Export(span, days, out or settings.data / "archive")

    async def run() -> None:
        topic = RAW_FRAMES.full_name(settings.topic_prefix)
        if from_archive:
            log, source = f"{topic}@archive", stored(path or settings.data / "archive.sqlite")
        else:
            log, source = f"{topic}@{await cluster_of(settings)}", live(settings.broker_address, topic)
        await export.run(log, source, lambda day: None if as_json else typer.echo(exported_text(day)))

    _run(run())
    if as_json:
        typer.echo(exported_json(export))
    if problem := export.problem():
        raise Unusable(problem)


@archive.command("import")
def import_frames(
    paths: Annotated[list[Path], _FILES],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Take the raw frames of Parquet files into the archive.sqlite of BLUFLOW_DATA; the same again changes nothing.

    Nothing is produced into Kafka. To fold them without taking them in: bluflow replay --from-archive PATH.
    """
    from cli.archive_import import import_files
    from cli.archive_shown import imported_json, imported_text
    from runtime.settings import load
    from streams.sinks.settings import SinkSettings

    settings = load(SinkSettings)
    done = _run(import_files(paths, settings.data, settings.archive_days))
    typer.echo(imported_json(done) if as_json else imported_text(done))


@archive.command("list")
def list_files(
    path: Annotated[Path | None, _FOLDER] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show what the Parquet files say of themselves: days, records, when they arrived, what is held whole."""
    _show(path, verify=False, as_json=as_json)


@archive.command()
def verify(
    path: Annotated[Path | None, _FOLDER] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Read the Parquet files whole, and compare every row's bytes with what was exported."""
    _show(path, verify=True, as_json=as_json)


def _show(path: Path | None, *, verify: bool, as_json: bool) -> None:
    from cli.archive_shown import Listing
    from cli.unusable import Unusable
    from history.parquet import UnusableFile
    from runtime.settings import Settings, load

    try:
        listing = Listing(path or load(Settings).data / "archive", verify=verify)
    except UnusableFile as error:
        raise Unusable(str(error)) from error
    typer.echo(listing.as_json() if as_json else listing.as_text())
    if listing.bad:
        raise Unusable(f"{len(listing.bad)} of {len(listing.paths)} files cannot be used: see above why")


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it; what goes wrong becomes one line. Raises Unusable."""
    import asyncio
    import logging

    from aiokafka.errors import KafkaError

    from cli.unusable import Unusable
    from history.parquet import UnusableFile
    from history.store import ReadingRejected, StoreUnavailable
    from streams.replay.source import LogForgot

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        return asyncio.run(work)
    except UnusableFile as error:
        raise Unusable(str(error)) from error
    except (LogForgot, KafkaError, StoreUnavailable, ReadingRejected) as error:
        raise Unusable(f"{str(error) or type(error).__name__}; run it again once that is mended") from error
