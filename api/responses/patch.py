"""What may be changed of a sensor: the part of it that people say."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from runtime.sensor_entry import LARGEST_OFFSET, LONGEST_INTERVAL
from runtime.yaml_nodes import LONGEST_TEXT


def _shown(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be shown")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT), AfterValidator(_shown)
]
Quantity = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]


class Bounds(BaseModel):
    """Ends of a range, themselves in it; null is open."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    low: float | None = Field(None, examples=[2])
    high: float | None = Field(None, examples=[8])


class SensorPatch(BaseModel):
    """A JSON merge patch (RFC 7396): what is left out stays, null takes away."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: Text | None = Field(None, description="what people call it", examples=["Fridge"])
    room: Text | None = Field(None, description="where it is", examples=["Kitchen"])
    floor: Text | None = Field(None, description="the room's floor", examples=["1"])
    site: Text | None = Field(None, description="the house, plant or address", examples=["Home"])
    expected_interval_seconds: Annotated[float, Field(ge=1, le=LONGEST_INTERVAL)] | None = Field(
        None, description="how often it is expected to speak; null: the usual 60", examples=[60]
    )
    limits: dict[Quantity, Bounds | None] | None = Field(
        None, description="by quantity, the range that is in order", examples=[{"temperature": {"low": 2, "high": 8}}]
    )
    offsets: dict[Quantity, Annotated[float, Field(ge=-LARGEST_OFFSET, le=LARGEST_OFFSET)] | None] | None = Field(
        None, description="by quantity, what is added to what it says", examples=[{"temperature": -0.3}]
    )
