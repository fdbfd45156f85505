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
        if band is not None and not _within(value, band):
            flags += (f"implausible:{name}",)
    return flags


def _within(value: object, band: tuple[float, float]) -> bool:
    if isinstance(value, list):
        return all(_within(item, band) for item in value)
    return not isinstance(value, int | float) or band[0] <= value <= band[1]
