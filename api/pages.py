"""A long list page by page: a cursor says after which key to go on, so nothing is missed or shown twice."""

import base64
import binascii
from bisect import bisect_right
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import AfterValidator, WithJsonSchema

DEFAULT_LIMIT, LARGEST_LIMIT = 1000, 10_000


def _parse(text: str) -> str:
    """The key in a cursor. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError("not a cursor; take the address in the Link header as it is") from None


Limit = Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="entries of one page at most")]
Cursor = Annotated[
    Annotated[str, AfterValidator(_parse), WithJsonSchema({"type": "string"})] | None,
    Query(description="where the page begins, as the Link header of the page before has it"),
]

LINK: dict[str, Any] = {
    "description": 'address of the next page, rel="next"; absent on the last one',
    "schema": {"type": "string"},
}


def page(keys: list[str], limit: int, after: str | None) -> tuple[list[str], str | None]:
    """Of sorted keys those on the page, and the last of them if there are more."""
    begin = 0 if after is None else bisect_right(keys, after)
    found = keys[begin : begin + limit]
    return found, found[-1] if begin + limit < len(keys) else None


def next_link(request: Request, last: str | None) -> dict[str, str]:
    """The Link header to the page after `last`: the same request with another cursor."""
    if last is None:
        return {}
    cursor = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*asked, ("cursor", cursor)])}>; rel="next"'}
