"""Sensors as they are now."""

from fastapi import APIRouter

from api import views
from api.problems import ProblemRaised, described
from api.responses import SensorDetail, Sensors
from api.routes.parameters import SensorId
from api.services import Services, Use
from schemas.reading import Latest

router = APIRouter(prefix="/sensors", tags=["sensors"])


# Plain functions: they run in a thread, so that a long list does not hold up everyone else.
@router.get("", summary="Every sensor", responses=described())
def list_sensors(services: Use) -> Sensors:
    """All that are known, live and silent ones, with their age."""
    now = services.now()
    return Sensors(sensors=[views.sensor(latest, now) for latest in services.table.all()])


@router.get("/{sensor_id}", summary="One sensor", responses=described(404, 422, 503))
def get_sensor(sensor_id: SensorId, services: Use) -> SensorDetail:
    """One sensor with every gateway that hears it. A silent one is answered too, with its age."""
    return views.sensor_detail(known(services, sensor_id), services.now())


def known(services: Services, sensor: str) -> Latest:
    """The sensor's state. Raises the problem 404, or 503 as long as it cannot be told whether there is one."""
    if latest := services.table.get(sensor):
        return latest
    if not services.reader.loaded:
        raise ProblemRaised(503, f"sensor {sensor} is not known yet: {services.reader.problem}")
    raise ProblemRaised(404, f"no sensor {sensor}")
