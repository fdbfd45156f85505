"""`python -m streams.sinks`: settings, log, run, exit code. A setting that cannot be used is one line and exit 2."""

import sys
from functools import partial

from runtime.kafka import fetch_patiently
from runtime.process import run
from runtime.settings import SettingsError, load_or_exit
from streams.sinks.app import app
from streams.sinks.settings import SinkSettings


def main() -> None:
    settings = load_or_exit(SinkSettings)
    fetch_patiently()
    try:
        run(partial(app, settings), log_level=settings.log_level)
    except SettingsError as error:
        sys.stderr.write(f"bluflow: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
