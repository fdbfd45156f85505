"""Values that cannot be: flagged, never dropped. A band is what the sensors can stand, not what a room should be."""

from collections.abc import Mapping

# property -> lowest and highest value that is believed, in the property's unit
BANDS: dict[str, tuple[float, float]] = {
    "temperature": (-40, 85),  # °C
    "dewpoint": (-80, 85),  # °C
    "humidity": (0, 100),  # %
    "moisture": (0, 100),  # %
    "battery": (0, 100),  # %
    "pressure": (260, 1260),  # hPa
}


def implausible(values: Mapping[str, object], bands: Mapping[str, tuple[float, float]] = BANDS) -> tuple[str, ...]:
    """A flag such as `implausible:humidity` for every property with a value outside its band."""
    flags: tuple[str, ...] = ()
    for name, value in values.items():
        band = bands.get(name)
        if band is None:
            continue
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, (int, float)) and not band[0] <= each <= band[1]:
                flags += (f"implausible:{name}",)
                break
    return flags
