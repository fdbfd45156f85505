"""Values that cannot be are flagged."""

from typing import Any

import pytest

from streams.plausible import implausible


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ({"temperature": -40, "humidity": 0, "battery": 0}, ()),
        ({"temperature": 85.0, "humidity": 100, "battery": 100}, ()),
        ({"temperature": -40.1}, ("implausible:temperature",)),
        ({"temperature": 3276.7, "humidity": 101}, ("implausible:temperature", "implausible:humidity")),
        ({"battery": 255, "packet_id": 255, "count": 10**9}, ("implausible:battery",)),
        ({"temperature": [20.0, 99.0]}, ("implausible:temperature",)),
        ({"temperature": [20.0, 21.0], "button": {"event": "press", "raw": 1}}, ()),
        ({}, ()),
    ],
)
def test_flags_name_the_property(values: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert implausible(values) == flags


def test_bands_can_be_others() -> None:
    assert implausible({"temperature": 30, "humidity": 500}, {"temperature": (0, 25)}) == ("implausible:temperature",)
