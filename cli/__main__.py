"""The command line's entry: `bluflow COMMAND`. Whatever goes wrong is one line; a user never sees a traceback."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0, 1 for a failure, 2 for something that the user can put right, 130 for Ctrl-C."""
    try:
        from cli.commands import run_command  # here: Ctrl-C while the libraries are loaded is a Ctrl-C like any other

        code = run_command(arguments)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
