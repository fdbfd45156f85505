"""`bluflow truth`: what a simulated world really measured, beside what the API holds of it."""

from pathlib import Path
from typing import Annotated

import typer


def truth(
    file: Annotated[Path, typer.Argument(help="What `bluflow simulate --truth` wrote.")],
    api: Annotated[str, typer.Option(help="The API, http(s)://host:port; else the one of the settings.")] = "",
    key_file: Annotated[Path | None, typer.Option(help="File with a key of the API, where it wants one.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Look again while something is not right, for at most so many seconds.")
    ] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="A line for every sensor, not only for wrong ones.")
    ] = False,
) -> None:
    """Say which readings are missing, there twice, or say something else than the sensor; exit 1 if there are any."""
    import time

    from api.settings import ApiSettings
    from cli.truth_asked import asking, held
    from cli.truth_compared import compare
    from cli.truth_shown import show
    from runtime.settings import load
    from runtime.tls import asking_tls
    from shelly.world.truth_file import read_truth

    settings = load(ApiSettings)
    deadline = time.monotonic() + wait
    tls = None if api else asking_tls(settings)
    own = f"{'https' if tls else 'http'}://{settings.host}:{settings.port}"
    with asking(api or own, key_file, tls) as client:
        while True:
            told = read_truth(file)
            verdicts = compare(told, held(client, told))
            right = all(verdict.is_right for verdict in verdicts)
            if right or time.monotonic() > deadline:
                break
            time.sleep(1)
    typer.echo("\n".join(show(verdicts, everything=everything)))
    if not right:
        raise typer.Exit(1)
