"""`python -m benchmarks`: measures bluflow beside its peers, part by part."""

import argparse
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.document import PAGE, put
from benchmarks.machine import machine, versions
from benchmarks.parts import PARTS


def main() -> int:
    """Exit code 1 if a contestant that is installed gave no figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the parts")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="measure only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant runs, in turn (3)")
    parser.add_argument("--seconds", type=float, default=300, help="after which a run is given up (300)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--smoke", action="store_true", help="tiny, one round: whether it runs; the figures mean nothing")
    size.add_argument("--quick", action="store_true", help="a fraction of the size")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.list:
        for name, part in PARTS.items():
            print(f"{name:<8} {part.TITLE}")
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every look whether a broker is there yet
    rounds = 1 if arguments.smoke else arguments.rounds
    stamp = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}. {versions()}."
    failed: list[str] = []
    for name in arguments.part or PARTS:
        with tempfile.TemporaryDirectory(prefix="bluflow-bench-") as folder:
            print(f"{name}: {PARTS[name].TITLE}", file=sys.stderr, flush=True)
            began = time.monotonic()
            bench = Bench(Path(folder), rounds, arguments.smoke, arguments.quick, arguments.seconds)
            tables = list[str]()
            for table in PARTS[name].measure(bench):
                tables.append(table)
                print(f"\n{table}", file=sys.stderr, flush=True)  # whatever becomes of the next
            failed += bench.failed
        how = "smoke" if arguments.smoke else "quick" if arguments.quick else "full"
        command = f"`python -m benchmarks --part {name} --rounds {rounds}{'' if how == 'full' else f' --{how}'}`"
        figures = "\n\n".join([f"{stamp} {command}, {time.monotonic() - began:.0f} s.", *tables])
        print(f"\n{figures}\n", flush=True)
        if arguments.write:
            PAGE.write_text(put(PAGE.read_text(), name, figures))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
