"""Tags of runs, and those that are known only while they run: space, model, index version."""

import dagster as dg
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from soundalike.embedders.base import EmbeddingSpace
from soundalike.vectors.index_files import IndexManifest

SPACE, MODEL = "soundalike/space", "soundalike/model"
VERSION = "soundalike/index_version"


def has_own_tag(run: dg.DagsterRun, *tags: str) -> bool:
    """Return whether one of these tags is the run's own: one that repeats another has its tags."""
    return PARENT_RUN_ID_TAG not in run.tags and not run.tags.keys().isdisjoint(tags)


def tag_with_space(context: dg.AssetExecutionContext, space: EmbeddingSpace) -> None:
    """Tag the run with the embedding space that it works in, so that runs can be found by it."""
    context.instance.add_run_tags(context.run_id, {SPACE: space.key, MODEL: space.model})


def tag_with_version(context: dg.AssetExecutionContext, manifest: IndexManifest) -> None:
    """Tag the run with the index version that it built or published, its space and its model."""
    tags = {SPACE: manifest.space, MODEL: manifest.model, VERSION: manifest.version}
    context.instance.add_run_tags(context.run_id, tags)
