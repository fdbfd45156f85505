"""`python -m cli.guard COMMAND...`: run COMMAND until it ends or our stdin closes (our parent is gone)."""

import os
import select
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """The command's exit code, as a shell gives it; 128 + SIGKILL when the parent went away and it had to be ended."""
    early: list[int] = []
    send = early.append  # until there is a child, signals wait

    def forward(number: int, _: object) -> None:
        send(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    send = child.send_signal
    for waiting in early:
        child.send_signal(waiting)
    done, ended = os.pipe()

    def report_end() -> None:
        child.wait()
        os.close(ended)

    # a thread: a child's end and a closed stdin cannot be awaited in one call on every platform
    threading.Thread(target=report_end, daemon=True).start()
    ready, _, _ = select.select([sys.stdin.fileno(), done], [], [])
    if done not in ready:
        child.kill()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
