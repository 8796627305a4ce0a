"""The external asset `batch_files`: the files that were sealed into a batch; `library` reports it.

A sealed batch never changes. The asset stands between the library, which changes with every new
file, and the batches' stages, so that a new file makes no other batch stale.
"""

import dagster as dg

from pipelines.materializations import version_tags
from pipelines.partitions import batches

batch_files = dg.AssetSpec(
    "batch_files",
    deps=["library"],
    partitions_def=batches,
    group_name="ingest",
    kinds={"postgres"},
    description="The files of each batch, as a scan sealed them; reported by `library`.",
)


def sealed(batch: str, files: int) -> dg.AssetMaterialization:
    """The event of a batch that a scan has sealed with this number of files."""
    return dg.AssetMaterialization(
        batch_files.key,
        partition=batch,
        metadata={"dagster/partition_row_count": files},
        tags=version_tags(f"{batch}, sealed"),
    )
