"""The asset `map_layout`: positions in two dimensions of the tracks of the served index.

Only what Dagster needs is defined here; the stage is soundalike/maps/draw.py.
"""

import dagster as dg

from pipelines.assets.published_index import published_index
from pipelines.metadata import map_metadata
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.reports import Reports
from soundalike.maps.draw import draw_map
from soundalike.storage.layout import ArtifactStore


@dg.asset(deps=[published_index], group_name="index", kinds={"numpy"}, pool="map")
def map_layout(
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Draws the map of the published index; tracks that were on the last one stay where they were.

    Nothing waits for it: until it is there, the page shows lists.
    """
    with transient_errors_retried(reports):
        manifest = draw_map(sessions, store)
    version = f"{manifest.layout}/{manifest.index_version}"
    return dg.MaterializeResult(
        metadata=map_metadata(manifest, store.map(manifest.index_version)),
        data_version=dg.DataVersion(version),
    )
