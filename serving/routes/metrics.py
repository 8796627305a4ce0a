"""Route for Prometheus: the metrics of all workers."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from serving.dependencies import MetricSamplerDep, MetricsDep

router = APIRouter(tags=["health"])

TEXT = {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}


@router.get("/metrics", operation_id="get_metrics", response_class=Response, responses={200: TEXT})
async def metrics(metrics: MetricsDep, sampler: MetricSamplerDep) -> Response:
    """Return the metrics in Prometheus' text format."""
    sampler.sample()
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
