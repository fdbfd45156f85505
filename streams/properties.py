"""Properties as states write them: by number, their values in steps of the last decimal. Both must never change.

They are BTHome's table in its order: what comes new is put at the end of it. A property that got more decimals would be
read wrongly from old states, and needs a new version of them.
"""

from streams.formats.bthome_table import DECIMALS

NAMES = tuple(DECIMALS)
NUMBERS = {name: number for number, name in enumerate(NAMES)}
STEPS = {name: 10**decimals for name, decimals in DECIMALS.items()}  # 22.3 °C are 2230 of them
MAX_VALUE = (1 << 53) // 1_000_000  # larger than any BTHome number; what is larger is exact in no window


def in_steps(name: str, value: object) -> int | None:
    """A number in steps of its property; None if it is no number, or not one of those steps."""
    if type(value) is not float and type(value) is not int:
        return None
    steps = STEPS.get(name)
    if steps is None or not -MAX_VALUE <= value <= MAX_VALUE:
        return None
    number = round(value * steps)
    return number if number / steps == value else None
