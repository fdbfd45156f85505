"""Options that several commands of `bluflow gateway` share."""

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Argument(help="The gateway: name or IP address, with :port if it is not 80.")]
AdminPassword = Annotated[
    Path | None,
    typer.Option(
        "--admin-password-file",
        help="File with the gateway's own password (user admin), where it has one; else it is asked for.",
        show_default=False,
    ),
]
AnyFirmware = Annotated[bool, typer.Option("--any-firmware", help="Try it with a firmware that is not known here.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Reboot without asking, if it must.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
