"""How many of a sensor's packets were heard, and how many are stored."""

from fastapi import APIRouter, Request, Response

from api.conditional import TAGGED, tagged
from api.problems import ProblemRaised, described
from api.responses import SensorDelivery
from api.routes.parameters import From, SensorId, To, span
from api.routes.sensors import known
from api.services import Use
from api.times import DAY, HOUR
from api.views.delivery import sensor_delivery

router = APIRouter(prefix="/sensors", tags=["sensors"])

MOST_DAYS = 92


@router.get(
    "/{sensor_id}/delivery",
    summary="What became of a sensor's packets",
    response_model=SensorDelivery,
    responses={**TAGGED, **described(404, 422, 503)},
)
async def get_delivery(
    request: Request, sensor_id: SensorId, services: Use, start: From = None, end: To = None
) -> Response:
    """Every hour that begins before `to` and ends after `from`: packets expected by their ids, heard by any gateway and
    by each, and stored. So what is lost on the air is told from what is lost in the pipeline.
    """
    start, end = span(start, end, services.now())
    if end - start > MOST_DAYS * DAY:
        raise ProblemRaised(422, f"more than {MOST_DAYS} days at once: ask for one after the other", parameter="from")
    start, end = start - start % HOUR, end + -end % HOUR
    deliveries = await services.history.deliveries(sensor_id, start, end)
    if not deliveries:
        known(services, sensor_id)
    stored = await services.history.stored(sensor_id, start, end)
    return tagged(request, sensor_delivery(sensor_id, start, end, deliveries, stored))
