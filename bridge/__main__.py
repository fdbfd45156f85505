"""`python -m bridge`: settings, log, run, exit code. A setting or port that cannot be used is one line and exit 2."""

import sys
from functools import partial

from bridge.app import PortTaken, bridge
from bridge.settings import BridgeSettings
from runtime.process import run
from runtime.settings import load_or_exit


def main() -> None:
    settings = load_or_exit(BridgeSettings)
    try:
        run(partial(bridge, settings), log_level=settings.log_level)
    except PortTaken as error:
        sys.stderr.write(f"bluflow: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
