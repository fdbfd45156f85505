"""Values that cannot be: flagged, never dropped. A band is what the sensors can stand, not what a room should be."""

from collections.abc import Mapping

from schemas.advertisement import Values

# What such a flag begins with; the property follows.
IMPLAUSIBLE = "implausible:"

# property -> lowest and highest value that is believed, in the property's unit
BANDS: dict[str, tuple[float, float]] = {
    "temperature": (-40, 85),  # °C
    "dewpoint": (-80, 85),  # °C
    "humidity": (0, 100),  # %
    "moisture": (0, 100),  # %
    "battery": (0, 100),  # %
    "pressure": (260, 1260),  # hPa
}


def implausible(values: Values, bands: Mapping[str, tuple[float, float]] = BANDS) -> tuple[str, ...]:
    """A flag such as `implausible:humidity` for every property with a value outside its band."""
    flags: tuple[str, ...] = ()
    for name, value in values.items():
        band = bands.get(name)
        if band is None:
            continue
        low, high = band
        try:
            within = low <= value <= high
        except TypeError:  # a list: the property comes more than once
            within = all(low <= each <= high for each in value if isinstance(each, (int, float)))
        if not within:
            flags += (IMPLAUSIBLE + name,)
    return flags
