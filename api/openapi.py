"""The OpenAPI document: FastAPI's own, except that problems are problem+json, and that it is 3.1 throughout."""

from typing import Any

from fastapi import FastAPI

from api.access import needed
from api.problems import MEDIA_TYPE

DESCRIPTION = """\
Shelly BLU H&T sensors: live state, history, gateways, metrics.

All times are RFC 3339 in UTC with milliseconds. A sensor id is its MAC address, lower case with colons; requests may
write it in any way. Every error is an RFC 9457 problem. HEAD is answered wherever GET is."""


_REFUSALS = {"401": "No valid key", "403": "The key's scope is too small"}
_SCHEME = {"type": "http", "scheme": "bearer", "description": "a key that `bluflow keys create` made"}


def document(app: FastAPI, *, keys_required: bool) -> dict[str, Any]:
    """Built once, then kept by the app. What needs a key says so only where keys are required."""
    made = FastAPI.openapi(app)
    made["components"]["securitySchemes"] = {"key": _SCHEME}
    for name, path in made["paths"].items():
        for method, operation in path.items():
            if keys_required and needed(method.upper(), name) is not None:
                operation["security"] = [{"key": []}]
                content = operation["responses"]["500"]["content"]
                for status, text in _REFUSALS.items():
                    operation["responses"][status] = {"description": text, "content": content}
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
