"""The OpenAPI document: FastAPI's own, except that problems are problem+json."""

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE

DESCRIPTION = """\
Shelly BLU H&T sensors: live state, history, metrics.

All times are RFC 3339 in UTC with milliseconds. A sensor id is its MAC address, lower case with colons; requests may
write it in any way. Every error is an RFC 9457 problem."""


def document(app: FastAPI) -> dict[str, Any]:
    """Built once, then kept by the app."""
    made = FastAPI.openapi(app)
    for path in made["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400" and "application/json" in response["content"]:
                    response["content"][MEDIA_TYPE] = response["content"].pop("application/json")
    return made
