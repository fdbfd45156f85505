"""`bluflow run`: the whole pipeline on this machine, until Ctrl-C."""

from typing import Annotated

import typer


def run(
    lan: Annotated[
        bool, typer.Option("--lan", help="Let gateways reach the embedded MQTT broker; it then asks for a login.")
    ] = False,
    address: Annotated[
        str, typer.Argument(help="With --lan: the address of this machine to bind; all of them if left out.")
    ] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the embedded broker's tables anew, from the archive's newest day.")
    ] = False,
) -> None:
    """Start brokers, bridge, worker, sinks, API and a simulator; stop them in order at Ctrl-C."""
    import asyncio
    import os

    from cli.stack import Stack
    from cli.whole import run_stack

    if address and not lan:
        raise typer.BadParameter("an address goes with --lan")
    if lan:
        os.environ["RUN_LAN"] = address or "0.0.0.0"  # noqa: S104  asked for, and behind a login
    asyncio.run(run_stack(Stack.load(), rebuild=rebuild))
