"""The launchpad's options of the assets that work on batches."""

import dagster as dg
from pydantic import Field

from soundalike.ingest.stage import Selection


class StageConfig(dg.Config):
    """Options of one run of a stage; by default it does what is missing, failed files included."""

    force: bool = Field(
        default=False,
        description="Do it again although nothing changed. Example: true, after an upgrade.",
    )
    path_prefix: str = Field(
        default="",
        description="Only files whose path below their music folder begins so. "
        "Example: Miles Davis/Kind of Blue/",
    )
    tracks: list[str] = Field(
        default_factory=list,
        description="Only these tracks, by id. Example: [96751f56f82c97466947c81819d9f5a3]",
    )

    @property
    def selection(self) -> Selection:
        """The files that the stage is to work on."""
        return Selection(self.force, self.path_prefix, frozenset(self.tracks))
