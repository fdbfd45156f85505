"""`bluflow keys`: make, show and revoke the keys of the API."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from pathlib import Path

keys = typer.Typer(name="keys", help="The keys of the API: create, list, revoke.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What the key is called, such as grafana.")],
    scope: Annotated[
        Literal["read", "write", "metrics"], typer.Option("--scope", help="write may read too, read may metrics too.")
    ],
    expires: Annotated[str, typer.Option("--expires", help="Date or RFC 3339 time, in UTC; never if left out.")] = "",
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    import time

    from api.times import parse_instant
    from runtime.api_keys import create as create_key

    now, until = time.time_ns() // 1_000_000, None
    if expires:
        try:
            until = parse_instant(expires)
        except ValueError as error:
            raise typer.BadParameter(f"--expires: {error}") from None
        if until <= now:
            raise typer.BadParameter("--expires is in the past")
    path = _path()
    typer.echo(create_key(path, name, scope, now, until))
    typer.echo(f"key {name} ({scope}): shown this once; its digest is in {path}", err=True)


@keys.command("list")
def list_keys() -> None:
    """Print names, scopes and times; a key itself is not kept."""
    from api.times import rfc3339
    from cli.table import table
    from runtime.api_keys import read_keys

    path = _path()
    rows = [["name", "scope", "created", "expires"]]
    for key in read_keys(path) if path.exists() else ():
        until = "never" if key.expires_at is None else rfc3339(key.expires_at)
        rows.append([key.name, key.scope, rfc3339(key.created_at), until])
    typer.echo("\n".join(table(rows)))


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """Take a key away; a running API refuses it from its next request on."""
    from runtime.api_keys import revoke as revoke_key

    revoke_key(_path(), name)
    typer.echo(f"key {name} is revoked", err=True)


def _path() -> "Path":
    from api.settings import ApiSettings
    from runtime.settings import load

    return load(ApiSettings).keys_path
