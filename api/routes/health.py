"""Whether the process lives, has started, and may be asked."""

from fastapi import APIRouter

from api.problems import ProblemRaised, described
from api.responses import Health
from api.services import Use

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="The process answers", responses=described())
async def live() -> Health:
    """About the process only: a broker or store that is away is no reason to restart it."""
    return Health()


@router.get("/ready", summary="The live state is current", responses=described(503))
async def ready(services: Use) -> Health:
    """503 while the topics are not followed live; what is held is served all the same, with its age."""
    if services.reader.problem:
        raise ProblemRaised(503, services.reader.problem)
    return Health()


@router.get("/startup", summary="The live state was read once", responses=described(503))
async def startup(services: Use) -> Health:
    """503 until the topics were read to its end for the first time."""
    if not services.reader.loaded:
        raise ProblemRaised(503, services.reader.problem or "the topics are being read")
    return Health()
