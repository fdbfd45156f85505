"""The body of a request: read with a bound, and only of the type that is wanted."""

from typing import Any

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from api.patch import MERGE_PATCH
from api.problems import ProblemRaised
from api.responses.patch import SensorPatch

MOST_BYTES = 64 * 1024

PATCH_SCHEMA: dict[str, Any] = SensorPatch.model_json_schema()
_bounds = PATCH_SCHEMA.pop("$defs")["Bounds"]  # a reference would be sought at the root of the OpenAPI document
for _one in PATCH_SCHEMA["properties"]["limits"]["anyOf"][0]["patternProperties"].values():
    _one["anyOf"][0] = _bounds


async def merge_patch(request: Request) -> object:
    """What the patch says. Raises the problems 400, 413 and 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MERGE_PATCH:
        raise HTTPException(415, f"the body must be {MERGE_PATCH}", headers={"Accept-Patch": MERGE_PATCH})
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ProblemRaised(413, f"more than {MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProblemRaised(400, f"the body is not JSON: {error}") from None
