"""`bluflow sensors set-key`, `forget-key`, `keys`: bind keys of encrypted sensors, never shown and never in argv."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.settings import StreamsSettings

_Mac = Annotated[str, typer.Argument(help="The sensor's MAC address, in any writing.")]


def set_key(
    mac: _Mac,
    file: Annotated[
        Path | None, typer.Option("--file", help="Read the key from there; else it is asked for, and not shown.")
    ] = None,
) -> None:
    """Give an encrypted sensor its bind key, 32 hex digits, or another one; a running worker takes it at once.

    What the sensor sends unencrypted is refused from then on.
    """
    from streams.keys import read_key
    from streams.keys import set_key as set_in_file

    sensor = sensor_of(mac)
    key = read_key(_text_of(file) if file else _asked(sensor))
    path = _settings().keys_path
    replaced = set_in_file(path, sensor, key)
    typer.echo(f"{sensor}: {'another key' if replaced else 'its key'} is in {path}; a running worker takes it at once")


def forget_key(mac: _Mac) -> None:
    """Take a sensor's bind key away: what it sends unencrypted is believed again, what it encrypts is not read."""
    from streams.keys import forget_key as forget_in_file

    sensor, path = sensor_of(mac), _settings().keys_path
    forget_in_file(path, sensor)
    typer.echo(f"{sensor}: its key is forgotten, it may speak unencrypted again")


def keys() -> None:
    """List the sensors that have a bind key, never the keys."""
    from streams.keys import open_keys

    file = open_keys(_settings())
    for sensor in sorted(file.keys):
        typer.echo(sensor)
    typer.echo(f"{file.path}: {len(file.keys)} keys" + ("" if file.path.exists() else " (no such file)"), err=True)


def sensor_of(mac: str) -> str:
    """The id of the sensor with that MAC address. Raises BadParameter."""
    from schemas.address import normalise_mac

    try:
        return normalise_mac(mac)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _asked(sensor: str) -> str:
    from cli.unusable import Unusable

    if not sys.stdin.isatty():  # else it would be read with an echo, and a warning of Python's
        raise Unusable(f"the bind key of {sensor} is asked for at a terminal only: name a file with --file")
    return str(typer.prompt(f"Bind key of {sensor}", hide_input=True))


def _settings() -> "StreamsSettings":
    from runtime.settings import load
    from streams.settings import StreamsSettings

    return load(StreamsSettings)


def _text_of(path: Path) -> str:
    from cli.unusable import Unusable

    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise Unusable(f"{path}: {why}") from None
