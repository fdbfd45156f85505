"""`bluflow secrets`: passwords, certificates and gateways' users of the compose stack. docs/deploy.md goes with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.secret_folder import SecretFolder

secrets = typer.Typer(name="secrets", help="Secrets of the compose stack.", no_args_is_help=False)
_gateway = typer.Typer(help="Gateways' users at mosquitto.", no_args_is_help=False)
secrets.add_typer(_gateway, name="gateway")

_DIR = typer.Option("--dir", help="The folder that docker-compose.yml names.")


@secrets.command()
def init(
    folder: Annotated[Path, _DIR] = Path("secrets"),
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address under which gateways reach this machine; repeatable.")
    ] = None,
    gateway: Annotated[
        list[str] | None, typer.Option(help="A gateway's MQTT topic prefix, which gets a user; repeatable.")
    ] = None,
    gateways_file: Annotated[
        Path | None, typer.Option(help="The same from a file, one a line; # begins a comment.")
    ] = None,
) -> None:
    """Make what is missing, mode 0600. What is there is never overwritten, and no secret is ever printed."""
    from cli.secret_folder import SecretFolder

    made = SecretFolder(folder)
    made.complete(host or [], [*(gateway or []), *(_names(gateways_file) if gateways_file else [])])
    _tell(made)
    for line in made.lacking(host or []):
        typer.echo(line)
    if not made.gateways():
        typer.echo("no gateway has a user yet: bluflow secrets gateway add PREFIX")
    _tell_owner()


@_gateway.command()
def add(
    prefix: Annotated[list[str], typer.Argument(help="The gateway's MQTT topic prefix.", metavar="PREFIX")],
    folder: Annotated[Path, _DIR] = Path("secrets"),
) -> None:
    """Give gateways a user each; a running mosquitto reads them after: docker compose kill -s HUP mosquitto."""
    from cli.secret_folder import SecretFolder, check_gateway
    from cli.unusable import Unusable

    for name in prefix:
        check_gateway(name)
    made = SecretFolder(folder)
    if not (folder / "mosquitto.passwd").exists():
        raise Unusable(f"{folder} holds no secrets of a stack: bluflow secrets init --dir {folder}")
    for name in prefix:
        path = made.add_gateway(name)
        typer.echo(f"{name}: user {name}, password in {path}")
    typer.echo("a running mosquitto reads them after: docker compose kill -s HUP mosquitto")


def _tell(made: "SecretFolder") -> None:
    typer.echo(f"{made.folder}: {f'made {len(made.made)} files' if made.made else 'nothing was missing'}")
    for name in sorted(made.made):
        typer.echo(f"  {name}")
    for line in [*made.ending(), *made.unknown_keys()]:
        typer.echo(line)


def _tell_owner() -> None:
    import os

    if (os.getuid(), os.getgid()) != (1000, 1000):
        typer.echo(
            "containers must run as the owner of these files; put into .env beside docker-compose.yml: "
            f"STACK_UID={os.getuid()} and STACK_GID={os.getgid()}"
        )


def _names(path: Path) -> list[str]:
    from cli.unusable import Unusable

    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise Unusable(f"{path}: {why}") from None
    return [name for line in lines if (name := line.partition("#")[0].strip())]
