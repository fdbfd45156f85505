"""The OpenAPI document: FastAPI's own, except that problems are problem+json, and that it is 3.1 throughout."""

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE

DESCRIPTION = """\
Shelly BLU H&T sensors: live state, history, gateways, metrics.

All times are RFC 3339 in UTC with milliseconds. A sensor id is its MAC address, lower case with colons; requests may
write it in any way. Every error is an RFC 9457 problem. HEAD is answered wherever GET is."""


def document(app: FastAPI) -> dict[str, Any]:
    """Built once, then kept by the app."""
    made = FastAPI.openapi(app)
    for path in made["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    (content,) = response["content"].values()
                    response["content"] = {MEDIA_TYPE: content}
                if status == "304":
                    response.pop("content", None)
                for media in response.get("content", {}).values():
                    if media.pop("itemSchema", None):  # a word of OpenAPI 3.2
                        media["schema"] = {"type": "string"}
    return made
