"""What a process cannot run with. The text is one line: what, where, how to mend it; the process exits with 2."""

import errno
import os
import socket


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that says which and why."""


class CannotListen(SettingsError):
    """An address that cannot be bound; `what` is the process or page that wanted it."""

    def __init__(self, what: str, host: str, port: int, error: OSError) -> None:
        self.host_is_wrong = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        # asyncio and create_server add the address once more to the reason
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        super().__init__(f"{what} on {host}:{port}: {reason}")
