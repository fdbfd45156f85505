"""`python -m cli.guard COMMAND...`: run COMMAND until it ends or our stdin closes (our parent is gone)."""

import os
import select
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """The command's exit code; 128 + SIGKILL when the parent went away and the command had to be ended."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: child.send_signal(got))
    done, ended = os.pipe()

    def report_end() -> None:
        child.wait()
        os.close(ended)

    # a thread: a child's end and a closed stdin cannot be awaited in one call on every platform
    threading.Thread(target=report_end, daemon=True).start()
    ready, _, _ = select.select([sys.stdin.fileno(), done], [], [])
    if done not in ready:
        child.kill()
    return child.wait() if done in ready else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
