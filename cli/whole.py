"""One run of the embedded stack: look first, prepare, supervise, put away."""

import asyncio
import logging
import signal
from logging.handlers import RotatingFileHandler

from aiokafka.errors import KafkaError

from api.times import system_clock
from cli import checks, kafka_folder, screen
from cli.kafka_folder import FolderNotOurs, KafkaFolder
from cli.logs import KEPT, MOST_BYTES
from cli.rebuild import let_go
from cli.restore import restore
from cli.stack import Stack
from cli.supervisor import Patience, Supervisor
from cli.unusable import Unusable
from history.store import StoreUnavailable
from runtime.api_keys import create
from runtime.kafka import TopicsDiffer, ensure_topics, topics_of
from runtime.logs import formatter
from runtime.registry_copy import COPY, restore_copy
from schemas.topics import DERIVED, SENSORS, TOPICS

log = logging.getLogger(__name__)


async def run_stack(stack: Stack, *, rebuild: bool = False) -> None:
    """Until SIGINT, SIGTERM or SIGHUP. Raises Unusable before anything was started, or when a child refuses to.

    `rebuild`: the embedded broker's tables are made anew.
    """
    if rebuild and not stack.embedded_kafka:
        raise Unusable("--rebuild is for the embedded Kafka broker; for your own see docs/generations.md")
    checks.make_folder(stack.data)
    with checks.lock(stack.data):
        await _check(stack)
        _first_key(stack)
        _log_to_file(stack)
        screen.show("bluflow: starting ...")
        stop, hurry = _signals()  # from here on there is something to put away in order
        folder = kafka_folder.choose(stack.data)
        had_state = _open(folder) if stack.embedded_kafka else True
        if rebuild and had_state:
            await _let_go(stack, folder)
            had_state = False
        services = stack.services(folder, _TopicsExist(stack, rebuild=not had_state))
        supervisor = Supervisor(
            services,
            stack.data / "logs",
            screen.say,
            Patience(stop=stack.run.stop_seconds),
            stack.run.log_format,
        )
        try:
            await supervisor.run(stop, hurry, when_ready=lambda missing: screen.show(screen.overview(stack, missing)))
        except Unusable:
            if stack.embedded_kafka:
                _save(folder, clean=True)  # the supervisor has stopped all in order
            raise
        if stack.embedded_kafka:
            _save(folder, clean=not hurry.is_set())
        screen.show("bluflow: stopped")


def _first_key(stack: Stack) -> None:
    """Where the API needs keys and has none yet, one to sign in with. Raises SettingsError."""
    path = stack.api_keys
    if stack.api.keys_required and not path.exists():
        secret = create(path, "page", "read", system_clock())
        # the screen only: `say` would put it into run.log
        screen.show(f"bluflow: the API listens on {stack.api.host}; sign in with this key, shown this once: {secret}")


async def _check(stack: Stack) -> None:
    """Everything that can be known to fail before a process is started."""
    checks.ports_differ({setting: port for setting, (_, _, port) in stack.ports().items()})
    for setting, (name, host, port) in stack.ports().items():
        address = "the address after --lan (RUN_LAN)" if name == "mqtt" else "BLUFLOW_HOST"
        checks.port_is_free(name, host, port, setting, address)
    if stack.embedded_mqtt:
        checks.mqtt_broker_runs()
    else:
        await checks.reachable("MQTT broker", stack.mqtt, "MQTT")
        if stack.run.lan:
            raise Unusable("--lan is for the embedded MQTT broker, but MQTT names another one: leave one of them out")
    if stack.embedded_kafka:
        checks.kafka_broker_runs()
        if stack.run.generation:
            raise Unusable(
                "BLUFLOW_GENERATION is for a Kafka of your own (BROKER=host:port): how the embedded stack makes its "
                "tables anew is told in docs/generations.md"
            )
        return
    await checks.reachable("Kafka broker", stack.broker, "BROKER")
    run = stack.run
    # a generation is made by its own command: a misspelt one must not be begun
    topics = [topic for topic in TOPICS if not (run.generation and topic.derived)]
    try:
        await ensure_topics(run.broker, topics, run.topic_prefix, embedded=False, replication=run.replication)
        there = await topics_of(run.broker)
    except (KafkaError, TopicsDiffer) as error:
        raise Unusable(f"the topics cannot be made on {run.broker}: {error}") from error
    if missing := [name for name in map(run.topic, DERIVED) if name not in there]:
        raise Unusable(
            f"topic {missing[0]} is not on {run.broker}: bluflow generation create {run.generation}, or correct "
            "BLUFLOW_GENERATION"
        )


class _TopicsExist:
    """After each start of the embedded broker: its topics, and once, after a reboot, what the archive remembers."""

    def __init__(self, stack: Stack, *, rebuild: bool) -> None:
        self._stack = stack
        self._rebuild = rebuild

    async def __call__(self) -> None:
        stack = self._stack
        prefix = stack.run.topic_prefix
        await ensure_topics(stack.broker, TOPICS, prefix, embedded=True)
        # after each start: a broker that was killed comes back without its last second
        if count := await restore_copy(stack.data, stack.broker, stack.run.topic(SENSORS), system_clock()):
            screen.say(f"{count} sensors of the registry came back from {stack.data / COPY}")
        if not self._rebuild:
            return
        self._rebuild = False
        try:
            count = await restore(stack.data / "archive.sqlite", stack.broker, prefix)
        except StoreUnavailable as error:
            # live data matters more than the last day, and the archive still has that
            screen.say(f"the last day could not be read back from the archive: {error}")
            return
        if count:
            screen.say(f"the Kafka broker's memory was empty: {count} records came back from the archive")


def _open(folder: KafkaFolder) -> bool:
    try:
        return folder.open()
    except FolderNotOurs as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(f"the Kafka broker's folder {folder.folder} cannot be used ({error.strerror})") from None


async def _let_go(stack: Stack, folder: KafkaFolder) -> None:
    archive = stack.data / "archive.sqlite"
    try:
        await let_go(folder, stack.run.kafka_port, stack.run.topic_prefix, archive)
    except (KafkaError, StoreUnavailable, OSError) as error:
        raise Unusable(f"the tables stay as they were, what the broker holds cannot go to {archive}: {error}") from None


def _save(folder: KafkaFolder, *, clean: bool) -> None:
    if not clean:
        screen.say("stopped at once: the Kafka broker's state stays in memory and was not saved to the disk")
        return
    try:
        folder.save()
    except OSError as error:
        screen.say(f"the Kafka broker's state could not be saved ({error}); after a reboot the archive rebuilds it")


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """(stop, hurry): set by the first and by the second signal."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            hurry.set()
        else:
            screen.show("\nbluflow: stopping in order; once more to stop at once")
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop, hurry


def _log_to_file(stack: Stack) -> None:
    """Our own log beside the children's: the screen is for people."""
    file = RotatingFileHandler(stack.data / "logs" / "run.log", maxBytes=MOST_BYTES, backupCount=KEPT - 1)
    file.setFormatter(formatter("run", stack.run.log_format, terminal=False))
    logging.basicConfig(level=logging.INFO, handlers=[file], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
