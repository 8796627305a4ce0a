"""Jobs: which assets are materialised together. When they run is in schedules.py and sensors.py."""

import json
from typing import Any

import dagster as dg

from pipelines.partitions import batches
from soundalike.catalog.publications import PublishedIndex
from soundalike.settings import load_settings

# A scan or a new index does not wait behind a backlog of batches.
HIGH_PRIORITY = {"dagster/priority": "1"}
DECODING = ("raw_audio", "resampled_audio")


def ray_share(cpus: int, gpus: float = 0.0) -> dict[str, str]:
    """Tags of a job that has these cores and GPUs, where a run is a job of a Ray cluster."""
    return {"dagster-ray/config": json.dumps({"num_cpus": cpus, "num_gpus": gpus})}


scan_job = dg.define_asset_job(
    "scan",
    selection=["library"],
    tags=HIGH_PRIORITY,
    description="Scans for new and changed music.",
)
batch_job = dg.define_asset_job(
    "ingest_batch",
    selection=[*DECODING, "embeddings"],
    partitions_def=batches,
    description="Reads, decodes, resamples and embeds one batch of files.",
)
decode_job = dg.define_asset_job(
    "decode_batch",
    selection=[*DECODING],
    partitions_def=batches,
    tags=ray_share(load_settings().decode_cpus),
    description="Reads, decodes and resamples one batch of files, where embedding is a job apart.",
)
embed_job = dg.define_asset_job(
    "embed_batch",
    selection=["embeddings"],
    partitions_def=batches,
    tags=ray_share(load_settings().embed_cpus, load_settings().embed_gpus),
    description="Embeds one batch that is decoded, where decoding is a job apart.",
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

BATCH_JOBS = [batch_job, decode_job, embed_job]
JOBS = [scan_job, *BATCH_JOBS, index_job, merge_job, map_job]


def automatic_publish_config(served: PublishedIndex | None) -> dict[str, Any]:
    """Run config of an automatic `publish_index`, which never replaces a newer manual publication.

    `served`: the index that was served when the run was requested.
    """
    seen = served.publication.id if served else 0
    return {"ops": {"published_index": {"config": {"seen": seen}}}}
