"""`bluflow topics`: every Kafka topic, and `--create` to make what is missing."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cli.settings import RunSettings


def topics(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    create: Annotated[bool, typer.Option("--create", help="Make what is missing on BROKER.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print name, partitions and settings without the prefix, for redpanda/.")
    ] = False,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Partitions and retention of the embedded broker, not production's.")
    ] = False,
) -> None:
    """Print the topics with their full names; with --create make them on BROKER first.

    Those of another generation than the first are made with: bluflow generation create.
    """
    from cli.settings import RunSettings
    from cli.table import table
    from runtime.settings import load
    from schemas.topics import TOPICS

    settings = load(RunSettings)
    if create:
        _create(settings, embedded=embedded)
    if lines:
        for topic in TOPICS:
            typer.echo(" ".join([topic.name, str(topic.partitions), *_settings(topic.config(embedded=False))]))
        return
    rows: list[dict[str, Any]] = []
    for topic in TOPICS:
        config = topic.config(embedded=embedded)
        rows.append(
            {
                "name": settings.topic(topic),
                "key": topic.key,
                "value": topic.value,
                "partitions": topic.embedded_partitions if embedded else topic.partitions,
                "cleanup": topic.cleanup,
                "retention_seconds": int(config["retention.ms"]) // 1000 if "retention.ms" in config else None,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(table([list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)])))


def _settings(config: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in config.items()]


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _create(settings: "RunSettings", *, embedded: bool) -> None:
    """What is missing; of a generation, what it shares with the others: a misspelt one must not be begun."""
    import asyncio
    import logging

    from aiokafka.errors import KafkaError

    from cli.checks import reachable
    from cli.unusable import Unusable
    from runtime.kafka import TopicsDiffer, ensure_topics, topics_of
    from schemas.topics import DERIVED, TOPICS

    broker, generation = settings.broker, settings.generation
    topics = [topic for topic in TOPICS if not (generation and topic.derived)]

    async def make() -> list[str]:
        await reachable("Kafka broker", broker, "BROKER")
        if generation and not {settings.topic(topic) for topic in DERIVED} <= await topics_of(broker):
            raise Unusable(f"the topics of generation {generation} are made with: bluflow generation create")
        return await ensure_topics(
            broker, topics, settings.topic_prefix, embedded=embedded, replication=settings.replication
        )

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    try:
        made = asyncio.run(make())
    except (KafkaError, TopicsDiffer) as error:
        raise Unusable(f"the topics cannot be made on {broker}: {str(error) or type(error).__name__}") from error
    typer.echo(f"made: {', '.join(made) or 'nothing, all were there'}", err=True)
