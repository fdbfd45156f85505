"""THE PICTURE of the streams worker: raw frames -> decode -> advertisements -> track -> readings, latest.

Both stages run in one Faust app; what they do is in decode.py and track.py, how nothing is lost in engine/.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import faust

from runtime.health import health_page
from runtime.kafka_login import kafka_login
from runtime.page_keys import page_keys
from runtime.registry import SensorRegistry
from runtime.tls import page_tls
from schemas.frame import received_at
from schemas.topics import ADVERTISEMENTS, DECODE_CHANGELOG, RAW_FRAMES, TRACK_CHANGELOG, Topic, worker_group
from streams import metrics
from streams.decode import DecodeStage
from streams.engine import BatchConsumer, BatchSchema, FencedTable, Stage, install
from streams.engine.app import EngineApp
from streams.keys import KeyFile, open_keys
from streams.places import Places
from streams.settings import StreamsSettings
from streams.track import TrackStage
from streams.watchdog import Watchdog

log = logging.getLogger("streams")
REPORT_SECONDS = 5.0


def make_app(settings: StreamsSettings, places: Places, registry: SensorRegistry) -> EngineApp:
    """The worker's Faust app. Agents only route; a stage's fold does the work. `registry` was read already."""
    install()
    app = _engine_app(settings)

    decode_stage = DecodeStage(places, bind_keys(open_keys(settings)))
    raw_frames, advertisements = places.name(RAW_FRAMES), places.name(ADVERTISEMENTS)
    BatchConsumer.aligned_topics[raw_frames] = lambda record: received_at(record.headers)
    decode = _stage(app, "decode", places, RAW_FRAMES, DECODE_CHANGELOG, decode_stage.fold)
    track_stage = TrackStage(places, registry.current)
    track = _stage(app, "track", places, ADVERTISEMENTS, TRACK_CHANGELOG, track_stage.fold)

    def raw_tail_lost(partition: int, expected: int, offset: int) -> None:
        epoch = decode_stage.begin_epoch(decode.table.data.states(partition), offset)
        metrics.LOST_TAILS.labels("raw-frames").inc()
        origin = {"origin": f"{raw_frames}:{partition}:{offset}"}
        log.warning(
            "raw partition %d is not the log that was read up to %d: begin epoch %d at %d",
            *(partition, expected, epoch, offset),
            extra=origin,
        )

    def advertisements_tail_lost(partition: int, expected: int, end: int) -> None:
        metrics.LOST_TAILS.labels("advertisements").inc()
        origin = {"origin": f"{advertisements}:{partition}:{end}"}
        log.warning("advertisements partition %d ends at %d, was read up to %d", partition, end, expected, extra=origin)

    app.watch_tail(
        raw_frames,
        raw_tail_lost,
        lambda partition: decode_stage.mark(decode.table.data.states(partition)),
    )
    app.watch_tail(advertisements, advertisements_tail_lost)
    app.from_start(registry.run)
    _serve(app, settings, {"decode": decode, "track": track})
    return app


def bind_keys(file: KeyFile) -> Callable[[], Mapping[str, bytes]]:
    """The bind keys as they are now, read again when the file changed."""

    def current() -> Mapping[str, bytes]:
        error = file.refresh()
        if error:
            log.warning("keys stay as they were: %s", error)
        return file.keys

    return current


def _credentials() -> faust.SASLCredentials | faust.SSLCredentials | None:
    """The login that all our clients have, in Faust's terms."""
    login = kafka_login()
    if "sasl_mechanism" in login:
        return faust.SASLCredentials(
            username=login["sasl_plain_username"],
            password=login["sasl_plain_password"],
            mechanism=login["sasl_mechanism"],
            ssl_context=login.get("ssl_context"),
        )
    return faust.SSLCredentials(login["ssl_context"]) if login else None


def _engine_app(settings: StreamsSettings) -> EngineApp:
    return EngineApp(
        worker_group(settings.topic_prefix, settings.generation),
        broker=[f"kafka://{part.strip()}" for part in settings.broker.split(",")],
        broker_credentials=_credentials(),
        store="memory://",
        datadir=str(settings.data / "faust"),
        autodiscover=False,
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.member_id or None,
        consumer_max_fetch_size=4 << 20,
        broker_max_poll_records=settings.poll_records,
        broker_session_timeout=settings.session_seconds,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=15.0,
        broker_request_timeout=30.0,
        broker_commit_interval=settings.commit_seconds,
        producer_acks=-1,
        producer_linger=0.005,
        producer_max_batch_size=256 * 1024,
        producer_request_timeout=30.0,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,  # topics are made from schemas/topics.py, with their configuration
        web_enabled=False,
        worker_redirect_stdouts=False,
        Table=FencedTable,
    )


def _stage(app: EngineApp, name: str, places: Places, source: Topic, changelog: Topic, fold: Any) -> Stage:
    """An agent with its table; both get whole record batches. The changelog has the partitions of the source."""
    topic, partitions = places.name(source), places.count(source)
    table: Any = app.Table(
        name,
        partitions=partitions,
        schema=BatchSchema(),
        key_type=bytes,
        value_type=bytes,
        recovery_buffer_size=8,
        changelog_topic=app.topic(places.name(changelog), schema=BatchSchema(), partitions=partitions, acks=False),
    )
    BatchConsumer.batch_topics |= {topic, table.changelog_topic_name}
    stage = Stage(app, table, fold)

    @app.agent(app.topic(topic, schema=BatchSchema(), partitions=partitions), name=name)
    async def agent(stream: Any) -> None:
        await stage.run(stream)

    return stage


def _serve(app: EngineApp, settings: StreamsSettings, stages: dict[str, Stage]) -> None:
    """The health and metrics page, and the figures that are read off now and then."""

    def ready() -> str | None:
        if app.rebalancing or not app.tables.actives_ready:
            return "recovering or rebalancing"
        return None

    watchdog = Watchdog(app, settings.stuck_seconds, settings.stall_seconds)

    @app.from_start
    async def watch() -> None:
        await watchdog.run()

    @app.from_start
    async def page() -> None:
        async with health_page(
            settings.host,
            settings.port,
            ready=ready,
            live=watchdog.problem,
            tls=page_tls(settings),
            keys=page_keys(),
        ):
            while not app.should_stop:
                for name, stage in stages.items():
                    metrics.STATES.labels(name).set(len(stage.table.data))
                    metrics.STALE_STATES.labels(name).set(stage.table.data.refused)
                consumer: Any = app.consumer
                metrics.REWINDS.set(consumer.rewinds)
                metrics.RECORDS_GONE.set(consumer.records_gone)
                metrics.REBALANCES.set(app.rebalancing_count)
                metrics.RECOVERY_SECONDS.set(app.recovery_seconds)
                await asyncio.sleep(REPORT_SECONDS)
