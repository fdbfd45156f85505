"""Set a gateway up, or back: plan, do, reboot, look again. The exit code is 1 if readings would still suffer."""

from collections.abc import Sequence

import typer

from cli.gateway_asked import confirmed
from cli.gateway_shown import findings_text, steps_text
from cli.unusable import Unusable
from runtime.settings import Settings, load
from shelly.rpc.client import Rpc
from shelly.setup.apply import apply, needs_reboot, reboot, settled
from shelly.setup.device import Device
from shelly.setup.memory import Before, keep, memory_file, recall
from shelly.setup.plan import Step, plan
from shelly.setup.restore import cannot_undo, undo
from shelly.setup.script import device_code
from shelly.setup.wanted import Wanted

_QUESTION = "The gateway must reboot, its outputs may switch. Reboot now?"


async def set_up(rpc: Rpc, device: Device, wanted: Wanted, *, dry_run: bool, yes: bool) -> int:
    """Do what is missing. How it was is kept before anything is written. Raises GatewayError."""
    file = memory_file(load(Settings).data, device.identity.id)
    memory = recall(file)
    steps = plan(device, wanted, memory)
    do = _shown(device, steps) and not dry_run
    if do:
        if memory.before is None:
            memory.before = Before.of(device)
            keep(file, memory)
            typer.echo(f"how it was is kept in {file}")
        await apply(rpc, steps, typer.echo)
        memory.learn(wanted.broker.password, wanted.broker.ca)
        keep(file, memory)
        if not await _rebooted(rpc, yes):
            return 1
    if dry_run:
        return 0
    found = await settled(rpc, device, wanted.code or device_code(), wait=do)
    if found:
        typer.echo(findings_text(found))
    serious = any(finding.serious for finding in found)
    if not serious:
        typer.echo("it is connected to its MQTT broker; a reading comes with each sensor's next beacon")
    return int(serious)


async def set_back(rpc: Rpc, device: Device, *, dry_run: bool, yes: bool) -> int:
    """Undo it, and forget the gateway. Raises GatewayError, Unusable."""
    file = memory_file(load(Settings).data, device.identity.id)
    before = recall(file).before
    if before is None:
        raise Unusable(f"{device.identity.id} was not set up from here: there is no {file}")
    steps = undo(device, before)
    if _shown(device, steps) and not dry_run:
        await apply(rpc, steps, typer.echo)
        if not await _rebooted(rpc, yes):
            return 1
    if not dry_run:
        file.unlink(missing_ok=True)
        typer.echo(f"{device.identity.id} is as it was before")
    for line in cannot_undo(before):
        typer.echo(f"note  {line}")
    return 0


def _shown(device: Device, steps: Sequence[Step]) -> bool:
    """Show the plan; whether there is anything to do."""
    pending = device.sys_status.get("restart_required") is True
    typer.echo(f"{device.identity.id} ({device.identity.model}, firmware {device.identity.firmware})")
    if not steps and not pending:
        typer.echo("nothing to do: it is set so already")
        return False
    typer.echo(steps_text(steps, reboot=pending))
    return True


async def _rebooted(rpc: Rpc, yes: bool) -> bool:
    """Reboot if it must; False if it must and nobody wanted it."""
    if not await needs_reboot(rpc):
        return True
    if not yes and not confirmed(_QUESTION):
        typer.echo("not rebooted: what was set is used after a reboot; run this again for that")
        return False
    typer.echo("rebooting ...")
    await reboot(rpc)
    typer.echo("it is back")
    return True
