"""A world played over MQTT at its pace, and the truth of it written beside."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import typer

from bridge.settings import BridgeSettings
from cli.unusable import Unusable
from runtime.process import setup_logging
from runtime.secret_files import secrets_of
from runtime.settings import host_port, load
from shelly.playback import due_at, first_moment
from shelly.publisher import Publisher
from shelly.world.message import Lost, Message
from shelly.world.scenario import Scenario
from shelly.world.sensor import Sensor
from shelly.world.truth import head_of, line_of, write
from shelly.world.world import World


def play(
    scenario: Scenario,
    mqtt: str,
    speed: float,
    start: int | None,
    *,
    keys_file: Path | None,
    truth: Path | None,
    lossless: bool,
) -> None:
    """Publish the scenario from `start` (unix milliseconds; None: now), `speed` times real time, 0: at once."""
    settings = load(BridgeSettings)
    try:
        host_port(mqtt or settings.mqtt)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    setup_logging(settings.log_level, process="simulator", form=settings.log_format, secrets=secrets_of(settings))
    began = World(scenario, 0)  # for who there is
    if keys_file:
        _write_keys(keys_file, began.sensors)
    with ExitStack() as files:
        file = files.enter_context(_opened(truth)) if truth else None

        def tell(happening: Message | Lost) -> None:
            if file:
                file.write(write(line_of(happening)))

        publisher = Publisher(
            mqtt or settings.mqtt,
            [gateway.name for gateway in began.gateways],
            user=settings.user or "",
            password=settings.secret() or "",
            ca_file=settings.ca_file,
            lossless=lossless,
            on_acked=tell,
            on_dropped=lambda message: tell(Lost(message.at, message.gateway, "mqtt_away", message.heard)),
            answers={each.name: each.components.answer for each in began.gateways if each.components},
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: publisher.stop())
        publisher.wait_connected(5)  # a real gateway is long connected when a sensor first speaks
        begin = first_moment(scenario, speed) if start is None else start
        world = World(scenario, begin)
        if file:
            file.write(write(head_of(world, speed)))
        publisher.play(_messages(world, file), due=due_at(begin, speed))
        complete = publisher.drain(30)
        publisher.close()
    if not publisher.stopped:
        typer.echo(f"bluflow: {publisher.acked} messages acknowledged, {publisher.dropped} dropped", err=True)
        if not complete and not publisher.acked:
            raise Unusable(
                f"the MQTT broker at {mqtt or settings.mqtt} took none of it: is it on, address and login right?"
            )
        if not complete:
            raise typer.Exit(1)


def _messages(world: World, file: BinaryIO | None) -> Iterator[Message]:
    """The world's messages; what else happens goes into the file, before the messages that tell of it."""
    for happening in world.happenings():
        if isinstance(happening, Message):
            yield happening
        elif file:
            file.write(write(line_of(happening)))


def _opened(truth: Path) -> BinaryIO:
    try:
        return truth.open("wb", buffering=0)  # a line is on its way before what it tells of is
    except OSError as error:
        raise Unusable(f"{truth} cannot be written: {error.strerror}") from error


def _write_keys(path: Path, sensors: list[Sensor]) -> None:
    from cli.embedded import write_private

    try:
        write_private(path, "".join(f'"{sensor.mac}": {sensor.key.hex()!r}\n' for sensor in sensors if sensor.key))
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from error
