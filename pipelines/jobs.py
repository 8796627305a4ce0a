"""Jobs: which assets are materialised together. When they run is in schedules.py and sensors.py."""

from typing import Any

import dagster as dg

from pipelines.partitions import batches
from soundalike.catalog.publications import PublishedIndex

# A scan or a new index does not wait behind a backlog of batches.
HIGH_PRIORITY = {"dagster/priority": "1"}

scan_job = dg.define_asset_job(
    "scan",
    selection=["library"],
    tags=HIGH_PRIORITY,
    description="Scans for new and changed music.",
)
batch_job = dg.define_asset_job(
    "ingest_batch",
    selection=["raw_audio", "resampled_audio", "embeddings"],
    partitions_def=batches,
    description="Reads, decodes, resamples and embeds one batch of files.",
)
index_job = dg.define_asset_job(
    "publish_index",
    selection=["faiss_index", "published_index"],
    tags=HIGH_PRIORITY,
    description="Builds, checks and publishes the index.",
)

merge_job = dg.define_asset_job(
    "merge_segments",
    selection=["merged_segments"],
    description="Merges small segments of the served index; its answers do not change.",
)

map_job = dg.define_asset_job(
    "draw_map",
    selection=["map_layout"],
    description="Draws the map of the published index.",
)

JOBS = [scan_job, batch_job, index_job, merge_job, map_job]


def automatic_publish_config(served: PublishedIndex | None) -> dict[str, Any]:
    """Run config of an automatic `publish_index`, which never replaces a newer manual publication.

    `served`: the index that was served when the run was requested.
    """
    seen = served.publication.id if served else 0
    return {"ops": {"published_index": {"config": {"seen": seen}}}}
