"""What all models of the contract share, and the smallest of them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

TIME = "2026-03-01T12:00:00.000Z"
SENSOR = "7c:c6:b6:bd:4c:b5"
GATEWAY = "shellypro2-0cb815fcaff4"


class Contract(BaseModel):
    """A model of the contract. A number that is not finite is written as null: JSON has no NaN."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class Health(Contract):
    """All is well; anything else is a problem with status 503."""

    status: Literal["ok"] = "ok"
