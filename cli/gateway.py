"""`bluflow gateway`: find gateways, set one up, see what is wrong with it, undo it, hear what it hears."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.gateway_options import AdminPassword, AnyFirmware, AsJson, DryRun, Host, Yes

if TYPE_CHECKING:
    from shelly.rpc.client import Rpc
    from shelly.setup.wanted import Wanted

gateway = typer.Typer(
    name="gateway", help="Shelly gateways: find one, set it up, check it, undo it.", no_args_is_help=False
)


@gateway.command()
def discover(
    addresses: Annotated[list[str] | None, typer.Argument(help="Ask these instead of listening for mDNS.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long to listen.")] = 4.0,
    as_json: AsJson = False,
) -> None:
    """List the gateways in this network, with model and firmware."""
    from cli.gateway_asked import run
    from cli.gateway_shown import found_json, found_text
    from cli.unusable import Unusable
    from shelly.rpc.discovery import Found, ask, browse

    async def look() -> list[Found]:
        return await ask(addresses or await browse(seconds))

    found = run(look())
    if not found:
        raise Unusable(
            "no gateway announced itself; mDNS does not cross routers: name addresses, or a longer --seconds"
        )
    typer.echo(found_json(found) if as_json else found_text(found))


@gateway.command()
def setup(
    host: Host,
    mqtt: Annotated[
        str, typer.Option(help="The MQTT broker as the gateway reaches it: tls://host:8883, mqtt://host:1883.")
    ],
    user: Annotated[str | None, typer.Option(help="Its MQTT user.", show_default=False)] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with that user's password; else it is asked for.", show_default=False)
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(help="PEM file of the authority that signed the broker's certificate.", show_default=False),
    ] = None,
    time_server: Annotated[
        str | None, typer.Option(help="NTP server; else the one it has, or pool.ntp.org.", show_default=False)
    ] = None,
    native: Annotated[bool, typer.Option("--native", help="Set up native components instead of the script.")] = False,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            help="MAC of a sensor to add natively, as often as needed; else those it heard.", show_default=False
        ),
    ] = None,
    interval: Annotated[
        int | None, typer.Option(help="The script's scan interval in ms: 200.", show_default=False)
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="How long of it the radio listens, in ms: 100, the most.", show_default=False)
    ] = None,
    close_rpc: Annotated[
        bool, typer.Option("--close-rpc", help="Take no RPC over MQTT, where no password is asked.")
    ] = False,
    admin_password_file: AdminPassword = None,
    any_firmware: AnyFirmware = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Make a gateway send what its sensors say: time server, Bluetooth, MQTT, our script.

    The plan is shown first. What is right already stays untouched, so run it as often as you like.
    """
    from cli.gateway_asked import certificate, opened, run, secret
    from cli.gateway_setup import set_up
    from cli.unusable import Unusable
    from schemas.address import normalise_mac
    from shelly.setup.script import INTERVAL_MS, WINDOW_MS, device_code
    from shelly.setup.wanted import Broker, Wanted, parse_broker

    try:
        server, tls = parse_broker(mqtt)
        code = None if native else device_code(interval or INTERVAL_MS, window or WINDOW_MS)
        macs = tuple(normalise_mac(mac) for mac in sensor or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _refuse_contradictions(tls=tls, ca=ca, user=user, password_file=password_file)
    if native:
        _refuse_beside_native(close_rpc=close_rpc, scan=interval is not None or window is not None)
    elif macs:
        raise Unusable("--sensor goes with --native: our script hands on every sensor that the gateway hears")
    password = None if user is None else secret(password_file, f"password of the MQTT user {user}", "--password-file")
    broker = Broker(server, tls, user, password, certificate(ca) if ca else None)
    wanted = Wanted(broker, code, macs, time_server, close_rpc)

    async def ask() -> int:
        async with opened(host, admin_password_file, native=native, any_firmware=any_firmware) as (rpc, device):
            return await set_up(rpc, device, await _with_sensors(rpc, wanted), dry_run=dry_run, yes=yes)

    raise typer.Exit(run(ask()))


@gateway.command()
def check(
    host: Host, admin_password_file: AdminPassword = None, any_firmware: AnyFirmware = False, as_json: AsJson = False
) -> None:
    """Say what is wrong with a gateway and how to mend it; the exit code is 1 if readings suffer from it."""
    from cli.gateway_asked import opened, run
    from cli.gateway_shown import findings_json, findings_text
    from shelly.setup.check import Finding, findings
    from shelly.setup.device import Identity
    from shelly.setup.script import device_code

    async def ask() -> tuple[Identity, list[Finding]]:
        # an unknown firmware is a finding here, no reason to look away
        async with opened(host, admin_password_file, any_firmware=True) as (_, device):
            return device.identity, findings(device, device_code(), any_firmware=any_firmware)

    identity, found = run(ask())
    if as_json:
        typer.echo(findings_json(found))
    else:
        typer.echo(f"{identity.id} ({identity.model}, firmware {identity.firmware})")
        typer.echo(findings_text(found) if found else "all is well")
    raise typer.Exit(int(any(finding.serious for finding in found)))


@gateway.command()
def restore(host: Host, admin_password_file: AdminPassword = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Put a gateway back to how it was before its first setup from this machine."""
    from cli.gateway_asked import opened, run
    from cli.gateway_setup import set_back

    async def ask() -> int:
        async with opened(host, admin_password_file, any_firmware=True) as (rpc, device):
            return await set_back(rpc, device, dry_run=dry_run, yes=yes)

    raise typer.Exit(run(ask()))


@gateway.command()
def sensors(
    host: Host,
    seconds: Annotated[
        float, typer.Option(min=0, max=3600, help="How long to listen; a sensor speaks each minute.")
    ] = 70.0,
    admin_password_file: AdminPassword = None,
    as_json: AsJson = False,
) -> None:
    """List the sensors that a gateway hears: address, signal strength, whether it is encrypted."""
    from cli.gateway_asked import opened, run
    from cli.gateway_shown import heard_json, heard_text
    from shelly.setup.sensors import Heard, listen

    async def ask() -> list[Heard]:
        async with opened(host, admin_password_file, any_firmware=True) as (rpc, device):
            return await listen(rpc, device, seconds)

    heard = run(ask())
    typer.echo(heard_json(heard) if as_json else heard_text(heard))
    typer.echo(f"{len(heard)} sensors", err=True)


def _refuse_contradictions(*, tls: bool, ca: Path | None, user: str | None, password_file: Path | None) -> None:
    from cli.unusable import Unusable

    if ca is not None and not tls:
        raise Unusable("--ca goes with tls://: without TLS nothing is signed")
    if password_file is not None and user is None:
        raise Unusable("--password-file goes with --user")


def _refuse_beside_native(*, close_rpc: bool, scan: bool) -> None:
    from cli.unusable import Unusable

    if close_rpc:
        raise Unusable(
            "--close-rpc does not go with --native: the inventory asks the gateway for its components over MQTT"
        )
    if scan:
        raise Unusable("--interval and --window are the script's: with --native the firmware scans as it likes")


async def _with_sensors(rpc: "Rpc", wanted: "Wanted") -> "Wanted":
    """With the sensors that the gateway has heard, where it shall have native components and none were named."""
    from dataclasses import replace

    from cli.unusable import Unusable
    from shelly.rpc.errors import RpcError
    from shelly.setup.native import heard_by_relay

    if wanted.code is not None or wanted.sensors:
        return wanted
    try:
        heard = await heard_by_relay(rpc)
    except RpcError:
        heard = {}
    if not heard:
        raise Unusable("--native: the gateway has told of no sensor yet; name each with --sensor MAC (printed on it)")
    return replace(wanted, sensors=tuple(sorted(heard)))
