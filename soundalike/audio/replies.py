"""Replies: the messages that a decoding process may send.

It may have read a hostile file, so every reply is validated: one that does not match one of these
models exactly is treated like a crash.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from soundalike.audio.identity import Identified
from soundalike.audio.resample import Canonical
from soundalike.audio.stream import StreamFacts
from soundalike.audio.tags.fields import (
    MAX_TAG_LENGTH,
    MAX_VALUES,
    MAX_YEAR,
    MIN_YEAR,
    FileTags,
)

# 20 values of 500 characters in each of ten fields take 1.2 MB, and their raw texts as much.
MAX_REPLY_BYTES = 2**22

Text = Annotated[str, Field(max_length=MAX_TAG_LENGTH, pattern=r"^[^\x00-\x1f\x7f]*$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_,.-]{1,100}$")]
Texts = Annotated[tuple[Text, ...], Field(max_length=MAX_VALUES)]
Position = Annotated[int, Field(gt=0, lt=2**31)]
Decimal = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ProcessReady(_Strict):
    """The process has started and waits for jobs; `isolated`: it has no network."""

    kind: Literal["ready"]
    isolated: bool


class Heartbeat(_Strict):
    """More audio was processed since the last heartbeat."""

    kind: Literal["heartbeat"]


class Failed(_Strict):
    """The file is at fault: an AudioError."""

    kind: Literal["failed"]
    code: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    message: str


class OutOfMemory(_Strict):
    """The file needed more memory than the process may have."""

    kind: Literal["memory"]


class SystemFailed(_Strict):
    """The system is at fault: an OSError while writing."""

    kind: Literal["system"]
    errno: int
    message: str


class _Facts(_Strict):
    container: Word
    codec: Word
    sample_rate: Annotated[int, Field(gt=0, lt=2**31)]
    channels: Annotated[int, Field(gt=0, lt=2**15)]
    duration: Seconds | None


class _Identified(_Strict):
    track_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    facts: _Facts


class _Tags(_Strict):
    title: Text | None
    artist: Text | None
    artists: Texts
    album: Text | None
    album_artists: Texts
    composers: Texts
    genre: Text | None
    genres: Texts
    year: Annotated[int, Field(ge=MIN_YEAR, le=MAX_YEAR)] | None
    date: Text | None
    release_date: Text | None
    original_date: Text | None
    track: Position | None
    track_total: Position | None
    disc: Position | None
    disc_total: Position | None
    compilation: bool | None
    musicbrainz_recording_id: Word | None
    musicbrainz_release_id: Word | None
    musicbrainz_release_group_id: Word | None
    musicbrainz_artist_ids: Annotated[tuple[Word, ...], Field(max_length=MAX_VALUES)]
    isrcs: Texts
    labels: Texts
    comment: Text | None
    bpm: Decimal | None
    initial_key: Text | None
    replaygain_track_gain: Decimal | None
    replaygain_track_peak: Decimal | None
    replaygain_album_gain: Decimal | None
    replaygain_album_peak: Decimal | None
    explicit: bool | None
    has_lyrics: bool
    has_cover: bool
    raw: dict[Word, Texts]
    damage: Text | None


class Read(_Strict):
    """A file's identity, stream facts and tags."""

    kind: Literal["read"]
    identified: _Identified
    tags: _Tags

    def values(self) -> tuple[Identified, FileTags]:
        """Return the identity and the tags as the package's own types."""
        facts = StreamFacts(**self.identified.facts.model_dump())
        return Identified(self.identified.track_id, facts), FileTags(**self.tags.model_dump())


class Written(_Strict):
    """The canonical FLAC was written."""

    kind: Literal["canonical"]
    seconds: Seconds
    decoded_share: Annotated[float, Field(gt=0, le=1)]

    def values(self) -> Canonical:
        """Return the facts of the FLAC as the package's own type."""
        return Canonical(self.seconds, self.decoded_share)


Reply = ProcessReady | Heartbeat | Failed | OutOfMemory | SystemFailed | Read | Written

_ANY: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def parse(line: bytes) -> Reply:
    """Parse a line as a reply. Raises ValueError if it is not one."""
    return _ANY.validate_json(line)
