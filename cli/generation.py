"""`bluflow generation`: a new generation of the derived topics beside the live one, and the switch to it."""

import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from cli.generation_status import Generations
    from cli.settings import RunSettings

Result = TypeVar("Result")
Name = Annotated[str, typer.Argument(help="At most 20 of a-z 0-9 -; default: the one whose topics have no ending.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]
_FIRST = 10  # sensors named

generation = typer.Typer(
    name="generation",
    help="Rebuild tables and derived topics beside the live ones, and switch.",
    no_args_is_help=False,
)


@generation.command()
def create(
    name: Name,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Of its topics; else as many as the live one has.")
    ] = None,
) -> None:
    """Make the topics of a new generation on BROKER; those that are there stay."""
    from cli.generation_topics import create_topics
    from cli.unusable import Unusable
    from runtime.kafka import TopicsDiffer

    settings, named = _settings(own_broker=True), _named(name)
    if not named:
        raise Unusable("the topics of the default generation are made with: bluflow topics --create")
    try:
        made = _run(settings, lambda found: create_topics(found, named, settings, partitions))
    except TopicsDiffer as error:
        raise Unusable(f"the topics cannot be made: {error}") from error
    typer.echo(f"made: {', '.join(sorted(made)) or 'nothing, all were there'}")


@generation.command()
def status(as_json: Json = False) -> None:
    """Show every generation on BROKER: which is live by the settings, how far each has come, who works for it."""
    from cli.generation_status import Standing, as_text

    settings = _settings()

    async def look(found: "Generations") -> list[Standing]:
        names = sorted({*found.found, settings.generation})
        return [await found.standing(each, settings.generation) for each in names]

    standings = _run(settings, look)
    typer.echo(json.dumps([each.facts for each in standings], indent=2) if as_json else as_text(standings))


@generation.command()
def compare(one: Name, other: Name, as_json: Json = False) -> None:
    """Compare the newest of every sensor in two generations: how many agree, which do not."""
    from cli.generation_compare import Comparison, as_text, latest_of
    from cli.generation_compare import as_json as facts
    from cli.generation_compare import compare as compared
    from cli.generation_status import shown
    from cli.unusable import Unusable
    from schemas.topics import LATEST

    settings, names = _settings(), (_named(one), _named(other))

    async def look(found: "Generations") -> Comparison:
        for name in names:
            if found.missing(name):
                raise Unusable(f"generation {shown(name)} is not on {settings.broker_address}, or not whole")
        topics = [found.place(LATEST, name)[0] for name in names]
        return compared(*[await latest_of(settings.broker_address, topic) for topic in topics])

    result, both = _run(settings, look), (shown(names[0]), shown(names[1]))
    typer.echo(json.dumps(facts(both, result, _FIRST), indent=2) if as_json else as_text(both, result, _FIRST))


@generation.command()
def switch(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be written, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Let the sinks of another generation begin where those of the live one, which are stopped, have ended."""
    from cli.generation_switch import as_text
    from cli.generation_switch import switch as switched
    from cli.unusable import Unusable

    settings, new = _settings(own_broker=True), _named(name)
    if new == settings.generation:
        raise Unusable(f"{name} is the live generation: name another, or correct BLUFLOW_GENERATION")
    done = _run(settings, lambda found: switched(found, settings.generation, new, write=not dry_run))
    typer.echo(json.dumps(done._asdict() | {"dry_run": dry_run}) if as_json else as_text(done, new, dry=dry_run))


@generation.command()
def drop(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted, and do nothing.")] = False,
) -> None:
    """Delete the topics and consumer groups of a generation that is not live and that nobody works for."""
    import sys

    from cli.generation_topics import drop_topics
    from cli.unusable import Unusable

    settings, named = _settings(own_broker=True), _named(name)
    if named == settings.generation:
        raise Unusable(f"{name} is the live generation: it stays")
    topics, groups = _run(settings, lambda found: drop_topics(found, named, dry=True))
    typer.echo("\n".join([*(f"topic {each}" for each in topics), *(f"group {each}" for each in groups)]))
    if dry_run:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise Unusable("nobody can be asked here: add --yes to delete them")
        typer.confirm("Delete them?", abort=True)
    _run(settings, lambda found: drop_topics(found, named, dry=False))
    typer.echo("deleted")


def _settings(*, own_broker: bool = False) -> "RunSettings":
    """Of the command. `own_broker`: refuse the embedded one, which keeps half an hour. Raises SettingsError."""
    from cli.settings import RunSettings
    from cli.unusable import Unusable
    from runtime.settings import load

    settings = load(RunSettings)
    if own_broker and settings.embedded_kafka:
        raise Unusable("generations are for a Kafka of your own (BROKER=host:port): see docs/generations.md")
    return settings


def _named(text: str) -> str:
    """The generation's name as the settings have it. Raises BadParameter."""
    from schemas.topics import DEFAULT_GENERATION, is_generation

    if text == DEFAULT_GENERATION:
        return ""
    if not is_generation(text):
        raise typer.BadParameter(f"{text!r} is not a generation's name: at most 20 of a-z 0-9 -", param_hint="NAME")
    return text


def _run(settings: "RunSettings", work: "Callable[[Generations], Coroutine[Any, Any, Result]]") -> Result:
    """Open the broker and do it; what Kafka and the store say becomes one line. Raises Unusable."""
    import asyncio

    from aiokafka.errors import KafkaError

    from cli.checks import reachable
    from cli.generation_broker import GenerationBroker
    from cli.generation_status import Generations
    from cli.unusable import Unusable
    from history.store import ReadingRejected, StoreUnavailable
    from runtime.snapshot import NoSuchTopic
    from schemas.topics import RAW_FRAMES

    async def opened() -> Result:
        await reachable("Kafka broker", settings.broker_address, "BROKER")
        async with GenerationBroker(settings.broker_address) as broker:
            found = Generations(broker, settings.topic_prefix, await broker.topics())
            if (raw := RAW_FRAMES.full_name(settings.topic_prefix)) not in found.topics:
                raise NoSuchTopic(raw)
            return await work(found)

    try:
        return asyncio.run(opened())
    except NoSuchTopic as error:
        raise Unusable(f"BROKER has no topic {error}: correct BROKER or BLUFLOW_TOPIC_PREFIX") from error
    except KafkaError as error:
        raise Unusable(f"{settings.broker_address}: {str(error) or type(error).__name__}") from error
    except (StoreUnavailable, ReadingRejected) as error:
        raise Unusable(f"the history: {error}") from error
