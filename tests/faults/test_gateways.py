"""What gateways and sensors do to the pipeline: copies, wrong clocks, ids that come round, messages that come twice.

None of them hurts a process, so all go on at once, each with gateways and sensors of its own.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import RATE
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

DAY_MS = 86_400_000
SECONDS = 14  # the last of them begins some seconds after the first
# fault -> the traffic, and by how many milliseconds the time of a reading may differ from the truth
FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "copies by three gateways, 118 s apart": ({"copies": 3, "copy_age_ms": 59_000, "copy_delay": 3.0}, 120_000),
    "gateway clock jumps a day ahead": ({"clock_jump_ms": DAY_MS}, 5_000),
    "gateway clock jumps a day back": ({"clock_jump_ms": -DAY_MS}, 5_000),
    "packet id comes round, new battery": ({"first_packet_id": 240, "new_battery_at": 22}, 1_000),
    "every fifth message sent twice": ({"again": 5}, 1_000),
}


@pytest.mark.timeout(600)
def test_every_packet_is_one_reading(pipeline: Pipeline, trial: Callable[..., Trial]) -> None:
    plan = {"seconds": SECONDS, "rate": RATE / len(FAULTS), "sensors": 100}
    under = {fault: trial(pipeline, fault, **plan, **fields) for fault, (fields, _) in FAULTS.items()}
    for fault, each in under.items():
        verdict = each.conclude(tolerance_ms=FAULTS[fault][1], rate=RATE)
        assert verdict.events == each.plan.packets, fault
