"""Answers with an ETag: who has the same already gets 304.

The tag is made of the content alone, without ages, so every API process gives the same for the same state. It is a
weak one: of two answers with one tag the ages may differ.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

AGE = "age_seconds"
LIVE = "no-cache"  # may be kept, and is asked for again each time

TAGGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {"description": "weak; of the content without ages", "schema": {"type": "string"}},
            "Cache-Control": {"description": LIVE, "schema": {"type": "string"}},
        }
    },
    304: {"description": "Nothing but ages has changed since the answer that If-None-Match names"},
}


def tagged(request: Request, model: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """The model as JSON, or 304."""
    tag = etag(model)
    found = {"ETag": tag, "Cache-Control": LIVE, **(headers or {})}
    if is_held(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=found)
    return Response(model.model_dump_json(by_alias=True), headers=found, media_type="application/json")


def etag(model: BaseModel) -> str:
    """Equal for equal content."""
    items = {
        name: {"__all__": {AGE}}
        for name, value in model
        if isinstance(value, list) and value and isinstance(value[0], BaseModel)
    }
    content = model.model_dump_json(exclude={AGE: True, **items})
    return f'W/"{blake2b(content.encode(), digest_size=12).hexdigest()}"'


def is_held(if_none_match: str, tag: str) -> bool:
    """Whether the client names the tag among those that it holds; weak and strong ones compare alike."""
    held = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in held or tag.removeprefix("W/") in held
