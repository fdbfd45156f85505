"""How a part measures: its contestants in turn, round after round, so that what disturbs one disturbs all."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.child import Absent, Failed
from benchmarks.figures import Outcome, Sample

Run = Callable[[int], Sample]  # one run in that round


@dataclass(frozen=True, slots=True)
class Bench:
    """`rounds` of everything; `smoke`: sizes so small that figures mean nothing, to see that it runs. `seconds`: the
    most that one run may take. `folder` is for whatever is written meanwhile. `failed`: who gave no figure although it
    is installed.
    """

    folder: Path
    rounds: int = 3
    smoke: bool = False
    quick: bool = False
    seconds: float = 300
    failed: list[str] = field(default_factory=list)

    def size(self, smoke: int, quick: int, full: int) -> int:
        """How many events, by how much time there is."""
        return smoke if self.smoke else quick if self.quick else full

    def compare(self, contestants: Iterable[tuple[str, Run]]) -> list[Outcome]:
        """Each contestant once a round; one that failed is not asked again, its outcome says why."""
        pairs = [(Outcome(name), run) for name, run in contestants]
        for number in range(self.rounds):
            for outcome, run in pairs:
                if outcome.problem:
                    continue
                try:
                    sample = outcome.samples[number] = run(number)
                    figure = f"{sample.rate:,.0f}/s, {sample.micros:.2f} µs CPU"
                except Failed as failed:
                    figure = outcome.problem = str(failed)
                    if not isinstance(failed, Absent):
                        self.failed.append(f"{outcome.name}: {failed}")
                print(f"  round {number + 1}  {outcome.name}: {figure}", file=sys.stderr, flush=True)
        return [outcome for outcome, _ in pairs]
