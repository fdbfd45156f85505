"""Our script as it goes onto a gateway."""

import re
from importlib.resources import files

NAME = "bluflow"  # by which we know it among the gateway's scripts
LARGEST = 20_480  # bytes, what a gateway takes
PIECE = 1024  # characters in one Script.PutCode: the gateway's buffer for a request is about 3 KB
INTERVAL_MS, WINDOW_MS = 200, 100
_LONGEST_WINDOW_MS = 100  # the firmware cuts longer ones since 1.5.0


def device_code(interval_ms: int = INTERVAL_MS, window_ms: int = WINDOW_MS) -> str:
    """`shelly/bluflow.js` with these scan times and without comments and indentation, which would cost its memory.

    Raises ValueError if the window is longer than the interval, or than the firmware allows.
    """
    if not 10 <= window_ms <= min(interval_ms, _LONGEST_WINDOW_MS) or interval_ms > 10_000:
        raise ValueError(f"scanning {window_ms} ms of every {interval_ms}: the window must be 10 to 100 ms and fit in")
    source = files("shelly").joinpath("bluflow.js").read_text(encoding="utf-8")
    for name, value in (("INTERVAL_MS", interval_ms), ("WINDOW_MS", window_ms)):
        source = re.sub(rf"^var {name} = \d+;$", f"var {name} = {value};", source, flags=re.MULTILINE)
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def pieces(code: str) -> list[str]:
    """The code cut so that a gateway can take it."""
    return [code[at : at + PIECE] for at in range(0, len(code), PIECE)]
