"""What gateways and sensors do to the pipeline: copies, wrong clocks, ids that come round, messages that come twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

DAY_MS = 86_400_000
# fault -> the traffic, and by how many milliseconds the time of a reading may differ from the truth
FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "copies by three gateways, 118 s apart": ({"copies": 3, "copy_age_ms": 59_000, "copy_delay": 3.0}, 120_000),
    "gateway clock jumps a day ahead": ({"clock_jump_ms": DAY_MS}, 5_000),
    "gateway clock jumps a day back": ({"clock_jump_ms": -DAY_MS}, 5_000),
    "packet id comes round, new battery": ({"first_packet_id": 250, "new_battery_at": 12}, 1_000),
    "every fifth message sent twice": ({"again": 5}, 1_000),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_packet_is_one_reading(fault: str, pipeline: Pipeline, trial: Callable[..., Trial]) -> None:
    fields, tolerance_ms = FAULTS[fault]
    under = trial(pipeline, fault, seconds=12, **fields)
    assert under.conclude(tolerance_ms=tolerance_ms).events == under.plan.packets
