"""How much the interpreter does for one event, in opcodes: the same on every machine, busy or not.

What it does not see is time inside C functions; for that there is `cpu_ratio`, against a reference in the same process.
"""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

Work = Callable[[], object]


def opcodes(work: Work) -> int:
    """How many opcodes of Python code `work` runs, in this thread."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def cpu_ratio(work: Work, reference: Work, rounds: int = 7) -> float:
    """How many times the CPU of `reference` the `work` takes: the least of each, measured in turn.

    Others on the machine only ever add to a measurement, so the least is what comes nearest to the truth.
    """
    least = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, each in enumerate((work, reference)):
            began = time.thread_time()
            each()
            least[place] = min(least[place], time.thread_time() - began)
    return least[0] / least[1]
