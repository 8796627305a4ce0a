"""Tracks in responses, as pydantic models: the source of /docs and of generated clients."""

from typing import Annotated, Any

from pydantic import Field

from serving.schemas.base import ResponseModel, TrackId


class Tag(ResponseModel):
    """A tag that the model predicts for the music."""

    word: str = Field(examples=["acoustic"])
    weight: float = Field(description="Strength of the tag, 0 to 1.", examples=[0.71])


RootName = Annotated[
    str | None,
    Field(
        description="Name of the music root that the file is in; `GET /v1/roots` lists them. Null "
        "while no file in the collection contains the track.",
        examples=["music"],
    ),
]
RelativePath = Annotated[
    str | None,
    Field(
        description="Path relative to its music root; bytes that are not UTF-8 are escaped "
        "(`caf\\xe9.mp3`). Null while no file in the collection contains the track.",
        examples=["Ana Lua/Marés/03 Saudade.flac"],
    ),
]
Location = Annotated[
    str | None,
    Field(
        description="Absolute path on the server, or URL in a bucket; null for clients that "
        "SOUNDALIKE_SHOW_PATHS does not tell.",
        examples=["/srv/music/Ana Lua/Marés/03 Saudade.flac"],
    ),
]


class TrackFile(ResponseModel):
    """A file that contains the track."""

    root: RootName
    path: RelativePath
    location: Location = None


class Track(ResponseModel):
    """A recording in the collection."""

    id: TrackId
    title: str = Field(examples=["Saudade"])
    artist: str | None = Field(
        description="As the file's metadata has it; several are joined with `; `.",
        examples=["Ana Lua feat. Rui"],
    )
    artists: list[str] = Field(description="Each artist.", examples=[["Ana Lua", "Rui"]])
    album: str | None = Field(examples=["Marés"])
    genre: str | None = Field(
        description="From the file's metadata; several are joined with `; `.",
        examples=["Fado; Folk"],
    )
    genres: list[str] = Field(description="Each genre.", examples=[["Fado", "Folk"]])
    year: int | None = Field(examples=[2011])
    duration: float | None = Field(description="Duration in seconds.", examples=[214.3])
    decoded_share: float | None = Field(
        description="Share of the audio that could be decoded, 0 to 1; null if unknown.",
        examples=[1.0],
    )
    root: RootName
    path: RelativePath
    location: Location = None
    tags: list[Tag] = Field(
        description="The five strongest, with `all_tags` all; empty for models that predict none."
    )


class TrackDetails(Track):
    """A recording, with all its files, and all that the first one's metadata says."""

    files: list[TrackFile] = Field(description="Every file that contains it, the shown one first.")
    file_tags: dict[str, Any] = Field(
        description="All else that the file's metadata says; docs/library.md lists the fields.",
        examples=[{"album_artists": ["Ana Lua"], "track": 3, "original_date": "2009-11"}],
    )


class TrackPage(ResponseModel):
    """A page of tracks: the best matches first, then by artist, album and title."""

    items: list[Track]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    total: int = Field(description="Number of matching tracks over all pages.", examples=[28])
    did_you_mean: list[str] = Field(description="Names that are nearly `q`, if nothing matches.")
