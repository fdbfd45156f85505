"""`--from` and `--to` of a command."""

import typer

from history.spans import Span


def instants(start: str, end: str) -> Span:
    """Both as unix milliseconds. Raises BadParameter."""
    from api.times import parse_instant

    times = []
    for option, text in (("--from", start), ("--to", end)):
        try:
            times.append(parse_instant(text))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from None
    return times[0], times[1]
