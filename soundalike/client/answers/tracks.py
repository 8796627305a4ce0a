"""Answers about tracks, as frozen dataclasses."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from soundalike.client.answers.service import Index
from soundalike.client.tables import Rows


@dataclass(frozen=True)
class Tag:
    """A tag that the model predicts for the music."""

    word: str
    weight: float


@dataclass(frozen=True)
class Track:
    """A recording in the collection."""

    id: str
    title: str
    artist: str | None
    artists: list[str]
    album: str | None
    genre: str | None
    genres: list[str]
    year: int | None
    duration: float | None
    decoded_share: float | None
    root: str | None
    path: str | None
    location: str | None
    tags: list[Tag]


@dataclass(frozen=True)
class TrackFile:
    """A file that contains a track."""

    root: str | None
    path: str | None
    location: str | None


@dataclass(frozen=True)
class TrackDetails(Track):
    """A recording, with all its files, and all that the first one's metadata says."""

    files: list[TrackFile]
    file_tags: dict[str, Any]


@dataclass(frozen=True)
class TrackPage(Rows):
    """A page of tracks: the best matches first, then by artist, album and title."""

    items: list[Track]
    next_cursor: str | None
    total: int
    did_you_mean: list[str]


@dataclass(frozen=True)
class TrackEmbedding:
    """A track's vector in the served index, of length 1."""

    track_id: str
    index_version: str
    space: str
    model: str
    dimension: int
    vector: list[float]


@dataclass(frozen=True)
class EmbeddingOrigin:
    """The origin of a track's vector in one space."""

    space: str
    model: str | None
    parameters: dict[str, str | int | float] | None
    batch: str
    row: int
    sha256: str | None
    embedded_at: dt.datetime | None
    dagster_run_id: str | None
    in_index: bool


@dataclass(frozen=True)
class Lineage:
    """The origin of a track and of its vectors."""

    track_id: str
    batch: str
    sealed_at: dt.datetime
    identified_at: dt.datetime
    embeddings: list[EmbeddingOrigin]
    index: Index | None
