"""Every shape in which a gateway's scripts hand on what they hear, by name.

Each writes MQTT messages as `streams/formats` reads them, with the faults that the scripts are known for.
"""

from shelly.world.shapes.decoded import (
    BLEGATEWAY,
    M_SCHAEFFLER_DECODED,
    OH_BLU_OLD,
    SHELLY_BLU,
    SHELLY_BLU_EVENTS,
    UNIVERSAL_BLU,
)
from shelly.world.shapes.raw import BLUFLOW, IOBROKER, M_SCHAEFFLER, OH_BLU, SCAN_RESULT, SCAN_RESULT_1
from shelly.world.shapes.shape import Shape

__all__ = ["SCRIPTS", "Shape"]

SCRIPTS: dict[str, Shape] = {
    "bluflow": BLUFLOW,
    "scan-result": SCAN_RESULT,
    "shelly-blu": SHELLY_BLU,
    "iobroker": IOBROKER,
    "oh-blu": OH_BLU,
    "scan-result-1": SCAN_RESULT_1,
    "oh-blu-old": OH_BLU_OLD,
    "m-schaeffler": M_SCHAEFFLER,
    "m-schaeffler-decoded": M_SCHAEFFLER_DECODED,
    "universal-blu": UNIVERSAL_BLU,
    "blegateway": BLEGATEWAY,
    "shelly-blu-events": SHELLY_BLU_EVENTS,
}
