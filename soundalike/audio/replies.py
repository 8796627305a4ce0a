"""What a decoding process may answer.

It read a hostile file, so nothing that it says is believed unchecked: a reply that is not one of
these, to the letter, is as good as a crash.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from soundalike.audio.identity import Identified
from soundalike.audio.resample import Canonical
from soundalike.audio.stream import StreamFacts
from soundalike.audio.tags import MAX_TAG_LENGTH, FileTags

MAX_REPLY_BYTES = 2**16  # bytes; five tags of 500 characters take half of it at most

Text = Annotated[str, Field(max_length=MAX_TAG_LENGTH, pattern=r"^[^\x00-\x1f\x7f]*$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_,.-]{1,100}$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Started(_Strict):
    """It has started, and waits for work."""

    kind: Literal["ready"]


class Heartbeat(_Strict):
    """It got some further with the audio since the last one."""

    kind: Literal["heartbeat"]


class Failed(_Strict):
    """The file is at fault: an AudioError."""

    kind: Literal["failed"]
    code: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    message: str


class OutOfMemory(_Strict):
    """The file wanted more memory than it may have."""

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
    album: Text | None
    genre: Text | None
    year: Annotated[int, Field(ge=1800, lt=2100)] | None
    damage: Text | None


class Read(_Strict):
    """A file's identity, stream facts and tags."""

    kind: Literal["read"]
    identified: _Identified
    tags: _Tags

    def values(self) -> tuple[Identified, FileTags]:
        """As the rest of the package knows them."""
        facts = StreamFacts(**self.identified.facts.model_dump())
        return Identified(self.identified.track_id, facts), FileTags(**self.tags.model_dump())


class Written(_Strict):
    """The canonical FLAC is written."""

    kind: Literal["canonical"]
    seconds: Seconds
    decoded_share: Annotated[float, Field(gt=0, le=1)]

    def values(self) -> Canonical:
        """As the rest of the package knows it."""
        return Canonical(self.seconds, self.decoded_share)


Reply = Started | Heartbeat | Failed | OutOfMemory | SystemFailed | Read | Written

_ANY: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def parse(line: bytes) -> Reply:
    """Raises ValueError if the line is no reply."""
    return _ANY.validate_json(line)
