"""`bluflow replay`: past days folded again from their raw frames, in the place of what the history holds of them."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.replay_shown import Report
    from streams.replay.days import Days
    from streams.replay.source import Source
    from streams.settings import StreamsSettings

_PATH_HELP = (
    "With --from-archive: an archive.sqlite, a Parquet file of bluflow archive export or a folder of them; by default "
    "the archive.sqlite in BLUFLOW_DATA."
)


def replay(
    start: Annotated[str, typer.Option("--from", help="A date or an RFC 3339 time; its whole UTC day is rebuilt.")],
    end: Annotated[str, typer.Option("--to", help="Where the range ends, itself not in it; a date is its midnight.")],
    path: Annotated[Path | None, typer.Argument(help=_PATH_HELP, show_default=False)] = None,
    sensor: Annotated[str | None, typer.Option(help="Only this one, by its MAC address.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and fold, and change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also today's day (UTC), as far as it has come.")] = False,
    from_archive: Annotated[
        bool, typer.Option("--from-archive", help="Read the embedded archive, or PATH, instead of Kafka.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each day as JSON.")] = False,
) -> None:
    """Rebuild readings and aggregates of past UTC days from raw frames.

    Days that the raw log does not hold whole stay as they are. It may be interrupted, and run again.
    """
    import asyncio
    import logging

    from aiokafka.errors import KafkaError

    from cli.unusable import Unusable
    from history.store import ReadingRejected, StoreMisconfigured, StoreUnavailable
    from runtime.settings import load
    from schemas.address import normalise_mac
    from streams.replay.source import LogForgot
    from streams.settings import StreamsSettings

    days = _days(start, end, force=force)
    if path and not from_archive:
        raise typer.BadParameter(f"{path}: a file is read with --from-archive", param_hint="PATH")
    try:
        only = None if sensor is None else normalise_mac(sensor)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sensor") from None
    settings = load(StreamsSettings)
    logging.getLogger().setLevel(logging.ERROR)  # what the stages would log of each record is old news
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    file = (path or settings.data / "archive.sqlite") if from_archive else None
    try:
        report = asyncio.run(_run(settings, days, file, only, write=not dry_run))
    except (LogForgot, StoreMisconfigured, StoreUnavailable, ReadingRejected, KafkaError) as error:
        raise Unusable(f"{str(error) or type(error).__name__}; run it again once that is mended") from error
    typer.echo(report.as_json() if as_json else report.as_text())
    if report.refused:
        raise Unusable(f"{report.refused} sensor-days were left as they are: see above why")


def _days(start: str, end: str, *, force: bool) -> "Days":
    """The UTC days that are asked for. Raises BadParameter."""
    from cli.instants import instants
    from streams.replay.days import Days, day_of

    try:
        days = Days.touched_by(*instants(start, end))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from None
    today = day_of(time.time_ns() // 1_000_000)
    if days.end > today and not force:
        raise typer.BadParameter(
            "today (UTC) is not over, the live worker still writes it: end at its midnight, or add --force",
            param_hint="--to",
        )
    if days.start > today:
        raise typer.BadParameter("it lies in the future", param_hint="--from")
    return days


async def _run(
    settings: "StreamsSettings", days: "Days", file: Path | None, sensor: str | None, *, write: bool
) -> "Report":
    """Read, fold, replace. Raises what its parts raise."""
    from cli.checks import make_folder
    from cli.registry import registry_for
    from cli.replay_shown import Report
    from cli.teller import Teller
    from history.open import open_rebuilder
    from streams.keys import open_keys
    from streams.replay.rebuild import fold_log, replace_days
    from streams.replay.staging import Staging

    keys = open_keys(settings).keys
    registry = await registry_for(settings, settings.broker, archive=file is not None)
    make_folder(settings.data)
    staging = Staging(settings.data, days)
    history = open_rebuilder(settings, lambda: registry)
    try:
        async with _source(settings, days, file) as source:
            with Teller(sys.stderr) as teller:
                read = await fold_log(
                    source, days, staging, keys=keys, registry=registry, sensor=sensor, tell=teller.tell
                )
        report = Report(days, read, write=write)
        async for outcome in replace_days(staging, read, days, history, sensor=sensor, write=write):
            report.outcomes.append(outcome)
        return report
    finally:
        staging.close()
        await history.close()


@asynccontextmanager
async def _source(settings: "StreamsSettings", days: "Days", file: Path | None) -> AsyncIterator["Source"]:
    """Where the records come from. Raises Unusable for a file that is none or damaged, LogForgot, KafkaError."""
    from cli.checks import reachable
    from cli.shelf import shelf
    from schemas.topics import RAW_FRAMES
    from streams.replay.kafka_source import kafka_source
    from streams.replay.source import StoredSource

    span = days.read_from, days.read_to
    if file is None:
        await reachable("Kafka broker", settings.broker, "BROKER")
        async with kafka_source(settings.broker, RAW_FRAMES.full_name(settings.topic_prefix), *span) as source:
            yield source
        return
    async with shelf(file) as opened:
        yield await StoredSource.open(opened, *span)
