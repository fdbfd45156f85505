"""Gateways as they are now."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.conditional import TAGGED, tagged
from api.pages import DEFAULT_LIMIT, LINK, Cursor, Limit, next_link, page
from api.problems import ProblemRaised, described
from api.responses import Gateway, Gateways
from api.services import Use
from api.views.gateway import gateway

router = APIRouter(prefix="/gateways", tags=["gateways"])

_PAGED = {**TAGGED, 200: {"headers": {**TAGGED[200]["headers"], "Link": LINK}}}


@router.get("", summary="Every gateway", response_model=Gateways, responses={**_PAGED, **described(422)})
def list_gateways(request: Request, services: Use, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """All that ever sent a frame, with how they stand."""
    standing = services.live.at(services.now())
    states = {one.prefix: one for one in services.live.gateways.all()}
    shown, last = page(list(states), limit, cursor)
    found = Gateways.model_construct(gateways=[gateway(standing, states[prefix]) for prefix in shown])
    return tagged(request, found, next_link(request, last))


@router.get(
    "/{gateway_id:path}",
    summary="One gateway",
    response_model=Gateway,
    responses={**TAGGED, **described(404, 422, 503)},
)
def get_gateway(
    request: Request,
    gateway_id: Annotated[
        str, Path(description="its id or its prefix; slashes as they are", examples=["attic/shelly"])
    ],
    services: Use,
) -> Response:
    """One gateway. Of several with one id the one that spoke last."""
    states = [one for one in services.live.gateways.all() if gateway_id in (one.prefix, one.gateway)]
    if not states:
        if not services.reader.loaded:
            raise ProblemRaised(503, f"gateway {gateway_id[:200]} is not known yet: {services.reader.problem}")
        raise ProblemRaised(404, f"no gateway {gateway_id[:200]}")
    newest = max(states, key=lambda one: (one.prefix == gateway_id, one.last_frame))
    return tagged(request, gateway(services.live.at(services.now()), newest))
