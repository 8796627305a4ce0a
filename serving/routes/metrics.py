"""Route for the process's Prometheus metrics."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serving.dependencies import MetricsDep

router = APIRouter(tags=["health"])

TEXT = {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}


@router.get("/metrics", operation_id="get_metrics", response_class=Response, responses={200: TEXT})
async def metrics(metrics: MetricsDep) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
