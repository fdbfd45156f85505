"""The Prometheus page."""

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.exposition import page
from api.problems import described
from api.services import Use

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        200: {
            "description": "In the Prometheus text format: values of sensors that are fresh or late (°C, %), "
            "last-seen (unix seconds) and freshness of all, gateways, and the API's own metrics",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **described(),
    },
)
def get_metrics(services: Use) -> Response:
    """Built at the scrape: the values of a sensor that is stale or lost are absent, its last-seen stays."""
    return Response(page(services.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
