"""Sensors as they are now."""

from typing import Annotated

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Query, Request, Response

from api.body import PATCH_SCHEMA, merge_patch
from api.conditional import TAGGED, tagged
from api.pages import DEFAULT_LIMIT, LINK, Cursor, Limit, next_link, page
from api.patch import MERGE_PATCH, patched
from api.problems import ProblemRaised, described
from api.responses import Receptions, SensorDetail, Sensors
from api.routes.parameters import SensorId, Since
from api.services import Services, Use
from api.views.sensor import receptions, sensor, sensor_detail
from runtime.snapshot import NoSuchTopic
from schemas.freshness import Freshness

router = APIRouter(prefix="/sensors", tags=["sensors"])

_PAGED = {**TAGGED, 200: {"headers": {**TAGGED[200]["headers"], "Link": LINK}}}


# A plain function runs in a thread, so that a long list does not hold up everyone else; to go there and back costs
# more than one sensor does.
@router.get("", summary="Every sensor", response_model=Sensors, responses={**_PAGED, **described(422)})
def list_sensors(
    request: Request,
    services: Use,
    location: Annotated[
        list[str] | None, Query(description="only those that are there; may be repeated", examples=[["Kitchen"]])
    ] = None,
    freshness: Annotated[
        list[Freshness] | None, Query(description="only those that stand so; may be repeated", examples=[["lost"]])
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """All that were heard or are registered, live and silent ones, with how they stand."""
    standing = services.live.at(services.now())
    ids = standing.live.sensor_ids()
    if location:
        ids = [id for id in ids if standing.registry.location(id, standing.now) in location]
    if freshness:
        ids = [id for id in ids if standing.verdict(id).freshness in freshness]
    shown, last = page(ids, limit, cursor)
    found = Sensors.model_construct(sensors=[sensor(standing, id) for id in shown])
    return tagged(request, found, next_link(request, last))


@router.get(
    "/{sensor_id}", summary="One sensor", response_model=SensorDetail, responses={**TAGGED, **described(404, 422, 503)}
)
async def get_sensor(request: Request, sensor_id: SensorId, services: Use) -> Response:
    """One sensor with every gateway that hears it. A silent one is answered too."""
    known(services, sensor_id)
    return tagged(request, sensor_detail(services.live.at(services.now()), sensor_id))


@router.patch(
    "/{sensor_id}",
    summary="Change what the registry says of a sensor",
    response_model=SensorDetail,
    responses=described(400, 404, 413, 415, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": {MERGE_PATCH: {"schema": PATCH_SCHEMA}}}},
)
async def patch_sensor(request: Request, sensor_id: SensorId, services: Use, since: Since = None) -> SensorDetail:
    """Name, place, interval, limits and offsets, by a JSON merge patch (RFC 7396): what is left out stays, null takes
    away. Place and offsets count from `since` on. Answered once the registry's topic has it: it outlives every process.
    """
    known(services, sensor_id)
    patch, now = await merge_patch(request), services.now()
    start = now if since is None else since
    if start < 0:
        raise ProblemRaised(422, "since is before 1970", parameter="since")
    patched(services.live.registry.entry(sensor_id), patch, start)  # what cannot be used is said, broker or not
    file = services.registry.file.registry
    try:
        await services.write(
            lambda told: {sensor_id: patched(told.get(sensor_id) or file.entry(sensor_id), patch, start)}, now
        )
    except (NoSuchTopic, KafkaError, TimeoutError, OSError) as error:
        why = str(error) or type(error).__name__
        raise ProblemRaised(503, f"the registry cannot be written now: {why}") from None
    return sensor_detail(services.live.at(now), sensor_id)


@router.get(
    "/{sensor_id}/receptions",
    summary="The gateways that hear a sensor",
    response_model=Receptions,
    responses={**TAGGED, **described(404, 422, 503)},
)
async def get_receptions(request: Request, sensor_id: SensorId, services: Use) -> Response:
    """Each with its newest signal strength and how many packets it brought."""
    known(services, sensor_id)
    return tagged(request, Receptions(receptions=receptions(services.live.sensors.get(sensor_id))))


def known(services: Services, sensor: str) -> None:
    """Raises the problem 404 for an unknown sensor, or 503 as long as it cannot be told whether there is one."""
    if services.live.knows(sensor):
        return
    if not services.reader.loaded:
        raise ProblemRaised(503, f"sensor {sensor} is not known yet: {services.reader.problem}")
    raise ProblemRaised(404, f"no sensor {sensor}")
