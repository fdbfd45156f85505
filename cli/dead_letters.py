"""`bluflow dead-letters`: what could not be handled, why, and its bytes."""

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from schemas.dead_letter import Letter

Result = TypeVar("Result")

dead_letters = typer.Typer(
    name="dead-letters", help="Records that could not be handled: why, and their bytes.", no_args_is_help=False
)


@dead_letters.command("list")
def list_letters(
    reason: Annotated[str | None, typer.Option(help="Only of this reason.", show_default=False)] = None,
    stage: Annotated[str | None, typer.Option(help="Only of this stage, as bridge, decode, track.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those buried since: a date or an RFC 3339 time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many of them, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Count the dead letters by stage and reason, and show the newest. One that was written twice counts once."""
    from cli.dead_letters_shown import Listing

    listing = Listing(limit)

    async def read() -> None:
        async for letter in _letters(_instant(since)):
            if reason in (None, letter.reason) and stage in (None, letter.stage):
                listing.add(letter)

    _run(read())
    typer.echo(listing.as_json() if as_json else listing.as_text())


@dead_letters.command()
def show(
    place: Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `list` gives it.", metavar="PLACE")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; bytes that are no text as hex.")] = False,
) -> None:
    """Show one dead letter whole: every fact, every header, the untouched bytes."""
    from cli.dead_letters_shown import letter_json, letter_text
    from cli.unusable import Unusable

    partition, _, offset = place.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"{place}: not PARTITION:OFFSET, as 0:17", param_hint="PLACE")
    wanted, found = (int(partition), int(offset)), list["Letter"]()

    async def read() -> None:
        async with aclosing(_letters(0)) as letters:
            async for letter in letters:
                if letter.place == wanted:
                    found.append(letter)
                    return

    _run(read())
    if not found:
        raise Unusable(f"no dead letter stands at {place}: see bluflow dead-letters list")
    typer.echo(letter_json(found[0]) if as_json else letter_text(found[0]))


@dead_letters.command()
def redrive(
    reason: Annotated[str | None, typer.Option(help="Only of this reason.", show_default=False)] = None,
    stage: Annotated[str | None, typer.Option(help="Only of this stage.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(help="Only those buried since: a date or an RFC 3339 time.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Bring back so many at most.", show_default=False)] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be brought back, and do nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Bring dead letters back to the topic they were read from, once what they died of is mended.

    One that would die of the same again stays, and none goes twice: run it as often as you like.
    """
    from cli.redrive import Redriver
    from cli.settings import RunSettings
    from runtime.settings import load
    from schemas.topics import DEAD_LETTERS
    from streams.keys import open_keys
    from streams.settings import StreamsSettings

    buried_since, run, worker = _instant(since), load(RunSettings), load(StreamsSettings)
    keys = open_keys(worker).keys
    topic = run.topic(DEAD_LETTERS)
    redriver = Redriver(run.broker_address, topic, run.topic_prefix, keys, run.generation)

    def wanted(letter: "Letter") -> bool:
        return reason in (None, letter.reason) and stage in (None, letter.stage)

    done = _run(redriver.run(_letters, buried_since, wanted, limit=limit, dry=dry_run))
    typer.echo(done.as_json() if as_json else done.as_text())


def _run(reading: Coroutine[Any, Any, Result]) -> Result:
    """Run it; what Kafka says becomes one line. Raises Unusable."""
    import asyncio
    import logging

    from aiokafka.errors import KafkaError

    from cli.unusable import Unusable
    from runtime.snapshot import NoSuchTopic

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        return asyncio.run(reading)
    except NoSuchTopic as error:
        raise Unusable(f"BROKER has no topic {error}: correct BROKER or BLUFLOW_TOPIC_PREFIX") from error
    except KafkaError as error:
        raise Unusable(f"the dead letters cannot be read: {str(error) or type(error).__name__}") from error


def _instant(text: str | None) -> int:
    from api.times import parse_instant

    if text is None:
        return 0
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None


async def _letters(since: int) -> AsyncGenerator["Letter", None]:
    """All of BROKER that were buried since then (unix milliseconds), but for those of another generation.

    Raises Unusable, NoSuchTopic, KafkaError.
    """
    from cli.checks import reachable
    from cli.settings import RunSettings
    from runtime.settings import load
    from runtime.snapshot import snapshot
    from schemas.dead_letter import Letter
    from schemas.topics import DEAD_LETTERS

    settings = load(RunSettings)
    await reachable("Kafka broker", settings.broker_address, "BROKER")
    async for record in snapshot(settings.broker_address, settings.topic(DEAD_LETTERS), since):
        letter = Letter.from_record(record)
        if letter.is_of(settings.generation):
            yield letter
