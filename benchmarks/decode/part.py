"""BTHome packets and whole frames a second, beside bthome-ble."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.child import Failed, run_module
from benchmarks.figures import Sample, table

NAME = "decode"
TITLE = "BTHome packets and whole frames"
# title -> module, case, whether by the peers' Python, and a part of the full count for who is slow
PLAIN = {
    "bluflow, packet": ("ours", "plain", False, 1),
    "bluflow, whole frame": ("ours", "frames", False, 4),
    "bthome-ble, packet": ("bthome", "plain", True, 20),
    "bthome-ble, packet, a parser each": ("bthome", "fresh", True, 20),
}
ENCRYPTED = {
    "bluflow, packet": ("ours", "encrypted", False, 4),
    "bluflow, whole frame": ("ours", "sealed-frames", False, 8),
    "bthome-ble, packet": ("bthome", "encrypted", True, 20),
}


def measure(bench: Bench) -> Iterator[str]:
    """A table for plain packets and one for encrypted ones."""
    for title, contestants in {"Plain": PLAIN, "Encrypted": ENCRYPTED}.items():
        runs = ((name, partial(_once, bench, *what)) for name, what in contestants.items())
        yield f"**{title}.**\n\n{table(bench.compare(runs), 'packets')}"


def _once(bench: Bench, module: str, case: str, peers: bool, part: int, _: int) -> Sample:
    count = bench.size(2_000, 100_000, 400_000) // part
    found = run_module(
        f"benchmarks.decode.{module}", case, count, folder=bench.folder, seconds=bench.seconds, peers=peers
    )
    if found.outputs != count:
        raise Failed(f"{found.outputs:,} temperatures of {count:,} packets")
    return found
