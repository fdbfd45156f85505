"""What the commands of `bluflow gateway` ask: the gateway itself, and the person for passwords."""

import asyncio
import logging
import stat
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from cli.unusable import Unusable
from shelly.rpc.client import Rpc
from shelly.rpc.errors import GatewayError
from shelly.setup.device import Device, identify, look, methods_of
from shelly.setup.usable import refuse_unusable

Result = TypeVar("Result")
ADMIN_PASSWORD = "--admin-password-file"  # noqa: S105  the option's name
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def run(asking: Coroutine[Any, Any, Result]) -> Result:
    """Run it; what a gateway refuses becomes one line. Raises Unusable."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return asyncio.run(asking)
    except GatewayError as error:
        raise Unusable(str(error)) from error


@asynccontextmanager
async def opened(
    address: str,
    password_file: Path | None,
    *,
    native: bool = False,
    any_firmware: bool = False,
    patience: float = 10.0,
) -> AsyncIterator[tuple[Rpc, Device]]:
    """The gateway there, and how it is. Its password is asked for if it has one. Raises GatewayError, Unusable."""
    async with Rpc(address, patience=patience) as rpc:
        identity = await identify(rpc)
    refuse_unusable(identity, any_firmware=any_firmware)
    password = secret(password_file, f"password of {identity.id}", ADMIN_PASSWORD) if identity.protected else None
    async with Rpc(address, password, patience=patience) as rpc:
        methods = await methods_of(rpc)
        refuse_unusable(identity, methods, native=native, any_firmware=any_firmware)
        yield rpc, await look(rpc, identity, methods)


def secret(file: Path | None, what: str, option: str) -> str:
    """A password from a file, else from a prompt; never from the command line. Raises Unusable."""
    if file is None:
        if not sys.stdin.isatty():
            raise Unusable(f"the {what} is needed: name a file that holds it with {option}")
        return str(typer.prompt(what, hide_input=True, err=True))
    text = _read(file).strip("\r\n")
    if not text:
        raise Unusable(f"{file} is empty: it must hold the {what}")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        typer.echo(f"bluflow: {file} can be read by others: chmod 600 {file}", err=True)
    return text


def certificate(file: Path) -> str:
    """The PEM text of an authority. Raises Unusable."""
    text = _read(file)
    if _CERTIFICATE not in text:
        raise Unusable(f"{file} holds no certificate in PEM form ({_CERTIFICATE} ...)")
    if "PRIVATE KEY" in text:
        raise Unusable(f"{file} holds a private key: give the authority's certificate alone")
    return text


def confirmed(question: str) -> bool:
    """Whether a person says yes; nobody there says no."""
    try:
        return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        return False


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Unusable(f"{file} is no text") from error
