"""Units are the decoder's own."""

from api.units import UNITS
from streams.formats.bthome_table import OBJECT_TYPES


def test_every_unit_is_that_of_the_decoders_table() -> None:
    assert {one.name: one.unit for one in OBJECT_TYPES.values() if one.unit} == UNITS
