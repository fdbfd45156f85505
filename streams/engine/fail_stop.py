"""Fail-stop: the process ends at once, nothing more is written or committed, the supervisor starts it again.

Stock Faust logs a failed delivery as a warning and commits past it.
"""

import os
from typing import NoReturn

EXIT_CODE = 70  # EX_SOFTWARE: told apart from a crash of the interpreter


def fail_stop(cause: object) -> NoReturn:
    """End the process with one line on stderr. No cleanup: a clean stop of Faust would commit."""
    os.write(2, f"bluflow streams: stopped, the log is the truth: {cause!r}\n".encode())
    os._exit(EXIT_CODE)
