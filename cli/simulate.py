"""`bluflow simulate`: gateways and sensors that speak MQTT and BTHome as real ones do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from shelly.beacon import Sensor
    from shelly.gateway import Message


def simulate(
    gateways: Annotated[int, typer.Option(min=1, help="Number of gateways.")] = 3,
    sensors: Annotated[int, typer.Option(min=1, help="Number of sensors.")] = 12,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two beacons of a sensor.")] = 60,
    mqtt: Annotated[str, typer.Option(help="MQTT broker, host:port; else the setting MQTT.")] = "",
    format_: Annotated[
        str, typer.Option("--format", help="bluflow, scan-result, shelly-blu, iobroker, oh-blu, or mixed.")
    ] = "bluflow",
    native: Annotated[
        int, typer.Option(min=0, help="How many of the gateways run no script, but their own components.")
    ] = 0,
    encrypted: Annotated[int, typer.Option(min=0, help="How many of the sensors encrypt.")] = 0,
    keys_file: Annotated[Path | None, typer.Option(help="Write the encrypted sensors' keys there (YAML).")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same house.")] = 1,
    loss: Annotated[float, typer.Option(min=0, max=0.99, help="Part of the copies that a gateway misses.")] = 0.3,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many beacons.")] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="Times real time; 0: as fast as MQTT takes it.")] = 1,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Keep all while MQTT is away; a real gateway keeps 5 messages.")
    ] = False,
    ledger: Annotated[Path | None, typer.Option(help="Append what was acknowledged there, JSON lines.")] = None,
) -> None:
    """Publish what a house full of BLU H&T sensors would. User and password are the bridge's settings."""
    import signal

    from bridge.settings import BridgeSettings
    from runtime.process import setup_logging
    from runtime.secret_files import secrets_of
    from runtime.settings import host_port, load
    from shelly.playback import due_at, first_moment
    from shelly.publisher import Publisher
    from shelly.simulator import Plan, messages, parse_formats

    if speed != 1 and count is None and duration is None:
        raise typer.BadParameter("--speed needs --count or --duration")
    settings = load(BridgeSettings)
    try:
        host_port(mqtt or settings.mqtt)
        formats = parse_formats(format_)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    setup_logging(settings.log_level, process="simulator", form=settings.log_format, secrets=secrets_of(settings))
    plan = Plan(gateways, sensors, interval, formats, encrypted, seed, loss, count, duration, native)
    if keys_file:
        _write_keys(keys_file, plan.make_sensors())
    gateways_made = plan.make_gateways(0)
    with _Ledger(ledger) as on_acked:
        publisher = Publisher(
            mqtt or settings.mqtt,
            [gateway.name for gateway in gateways_made],
            user=settings.user or "",
            password=settings.secret() or "",
            ca_file=settings.ca_file,
            lossless=lossless,
            on_acked=on_acked,
            answers={each.name: each.components.answer for each in gateways_made if each.components},
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: publisher.stop())
        publisher.wait_connected(5)  # a real gateway is long connected when a sensor first speaks
        start = first_moment(plan, speed)
        publisher.play(messages(plan, start), due=due_at(start, speed))
        complete = publisher.drain(30)
        publisher.close()
    if not publisher.stopped:
        typer.echo(f"bluflow: {publisher.acked} messages acknowledged, {publisher.dropped} dropped", err=True)
        if not complete:
            raise typer.Exit(1)


class _Ledger:
    """What the MQTT broker acknowledged, one JSON line a message, on the disk before the next one is sent."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("a", buffering=1) if path else None

    def __enter__(self) -> Callable[["Message"], None]:
        return self._write if self._file else lambda _: None

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def _write(self, message: "Message") -> None:
        assert self._file
        heard = [[one.beacon.sensor, one.beacon.packet_id, one.at, one.rssi] for one in message.heard]
        line = {"at": message.at, "gateway": message.gateway, "topic": message.topic, "heard": heard}
        self._file.write(json.dumps(line) + "\n")


def _write_keys(path: Path, sensors: "list[Sensor]") -> None:
    from cli.embedded import write_private

    write_private(path, "".join(f'"{sensor.mac}": {sensor.key.hex()!r}\n' for sensor in sensors if sensor.key))
