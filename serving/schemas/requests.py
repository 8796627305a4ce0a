"""Requests as pydantic models; every field is bounded."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from serving import limits
from serving.cursors import EXAMPLE_CURSOR
from serving.schemas.base import TRACK_ID
from serving.schemas.filters import Filters, StorableText, TrackIdText
from soundalike.vectors.limits import DEFAULT_K, MAX_EXAMPLES, MAX_K
from soundalike.vectors.rerank import RerankOptions

Cursor = Annotated[
    str | None,
    Field(
        max_length=limits.MAX_CURSOR_LENGTH,
        description="`next_cursor` of the previous page, with the same request; only `limit` may "
        "change.",
        examples=[EXAMPLE_CURSOR],
    ),
]
PageSize = Annotated[
    int,
    Field(
        ge=1, le=limits.MAX_PAGE_SIZE, description="Maximum number of items per page.", examples=[5]
    ),
]
PathTrackId = Annotated[str, Path(description="The track's id.", examples=[TRACK_ID])]
Examples = Annotated[list[TrackIdText], Field(max_length=MAX_EXAMPLES)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Cap = Annotated[int, Field(ge=1, le=MAX_K)]


class Options(BaseModel):
    """The number of results, and how similar they may be to the examples and to each other."""

    limit: int = Field(
        DEFAULT_K, ge=1, le=MAX_K, description="Maximum number of results.", examples=[5]
    )
    per_artist: Cap | None = Field(
        None, description="Maximum number of results per artist.", examples=[2]
    )
    per_album: Cap | None = Field(
        None, description="Maximum number of results per album.", examples=[1]
    )
    score_threshold: Cosine | None = Field(
        None, description="Leave out results with a lower score.", examples=[-0.5]
    )
    duplicate_threshold: Share | None = Field(
        None,
        description="Leave out near-duplicates: tracks with at least this cosine similarity to an "
        "example or a better result.",
        examples=[0.98],
    )
    diversity: Share = Field(
        0.0,
        description="0 ranks by score alone; towards 1, results differ more from better ones.",
        examples=[0.3],
    )

    @property
    def rerank_options(self) -> RerankOptions:
        """The options that reranking applies."""
        return RerankOptions(
            self.per_artist,
            self.per_album,
            self.score_threshold,
            self.duplicate_threshold,
            self.diversity,
        )


PlaylistFormat = Annotated[
    Literal["json", "m3u8", "jspf"] | None,
    Field(
        description="Form of the answer: JSON, or its tracks as a playlist; by itself the one that "
        "`Accept` prefers.",
        examples=["m3u8"],
    ),
]
Base = Annotated[
    str,
    Field(
        max_length=limits.MAX_PATH_LENGTH,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="The client's own folder, or URL, of the music, which a playlist's paths begin "
        "with; `{root}` in it is the name of each track's root. Without it they are relative.",
        examples=["/mnt/{root}"],
    ),
]


AllTags = Annotated[
    bool,
    Field(
        description="Whether each track has all its predicted tags, and not only the five "
        "strongest.",
        examples=[True],
    ),
]


class PlaylistParameters(BaseModel):
    """The form of a list's answer, the client's own place of the music, and the tags shown."""

    format: PlaylistFormat = None
    base: Base = ""
    all_tags: AllTags = False


class ListParameters(Filters, PlaylistParameters):
    """Query parameters of `GET /v1/tracks`."""

    q: Annotated[StorableText, Field(max_length=limits.MAX_TEXT_LENGTH)] = Field(
        "",
        description="Words; each must occur in the title, artist, album or path. Case, accents, "
        "typographic signs and punctuation do not count; at most ten words do.",
        examples=["ana saudade"],
    )
    limit: PageSize = limits.DEFAULT_PAGE_SIZE
    cursor: Cursor = None


class FacetParameters(Filters):
    """Query parameters of `GET /v1/facets/{facet}`."""

    q: Annotated[StorableText, Field(max_length=limits.MAX_TEXT_LENGTH)] = Field(
        "",
        description="The beginning of the values. Of names, case, accents and punctuation do not "
        "count. Of folders, it also names their level: `Ana Lua/` lists those below that one.",
        examples=["a"],
    )
    limit: PageSize = limits.DEFAULT_PAGE_SIZE
    cursor: Cursor = None
