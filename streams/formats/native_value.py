"""The value of a native component -> property and value as the packet itself would have given them.

The gateway has decoded it, and JSON does not tell 22 from 22.0: the BTHome table says what type a value has.
"""

from typing import Any

from streams.formats.bthome_table import OBJECT_TYPES
from streams.formats.decoded import NotAValue, read_value


def native_value(obj_id: int, value: object) -> tuple[str, Any] | None:
    """`(69, 22)` -> `("temperature", 22.0)`; None if the id is not in the table or the value not of its kind."""
    object_type = OBJECT_TYPES.get(obj_id)
    if object_type is None:
        return None
    try:
        read = read_value(object_type.name, value)
    except NotAValue:
        return None
    if object_type.kind == "bool":
        return (object_type.name, bool(read)) if read in (0, 1) else None
    if isinstance(read, (int, float)):
        read = int(read) if object_type.decimals == 0 and read == int(read) else float(read)
    return object_type.name, read
