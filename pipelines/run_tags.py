"""Tags of runs that are known only while they run: the space, the model, the index version."""

import dagster as dg

from soundalike.embedders.base import EmbeddingSpace
from soundalike.vectors.index_files import IndexManifest

SPACE, MODEL = "soundalike/space", "soundalike/model"
VERSION = "soundalike/index_version"


def tag_with_space(context: dg.AssetExecutionContext, space: EmbeddingSpace) -> None:
    """Tag the run with the embedding space that it works in, so that runs can be found by it."""
    context.instance.add_run_tags(context.run_id, {SPACE: space.key, MODEL: space.model})


def tag_with_version(context: dg.AssetExecutionContext, manifest: IndexManifest) -> None:
    """Tag the run with the index version that it built or published, its space and its model."""
    tags = {SPACE: manifest.space, MODEL: manifest.model, VERSION: manifest.version}
    context.instance.add_run_tags(context.run_id, tags)
