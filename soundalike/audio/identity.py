"""Identity: a hash of the encoded audio stream, so that a retag or a move is not a new track."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream
from av.packet import Packet

from soundalike.audio.ogg import audio_packets
from soundalike.audio.sndfile import FLOATING, REFUSALS, SndfileAudio, open_sndfile
from soundalike.audio.stream import (
    OpenAudio,
    ProgressCallback,
    StreamFacts,
    ignore_progress,
    open_audio,
)
from soundalike.errors import AudioError

DIGEST_BYTES = 16  # 128 bits: no library is large enough for a chance collision


class StreamHasher:
    """BLAKE2b over the stream's parameters and its packets' bytes.

    Container metadata, cover art and codec extradata (where Ogg keeps its comments) are left out.
    Packets are hashed as one sequence of bytes, so their boundaries do not matter.
    """

    def __init__(self, stream: AudioStream) -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._bytes = 0
        self._parameters: tuple[str, int, int] | None = None
        self._begin(stream)

    def _begin(self, stream: AudioStream) -> None:
        self._stream = stream
        parameters = (stream.codec_context.name, stream.sample_rate, stream.channels)
        if parameters != self._parameters:
            self._hash.update(repr(parameters).encode())
        self._parameters = parameters

    def add(self, packet: "Packet[AudioStream]", stream: AudioStream) -> None:
        """Hash one packet of `stream`; to be called in file order."""
        if stream is not self._stream:  # of another link
            self._begin(stream)
        self._hash.update(packet)
        self._bytes += packet.size

    def track_id(self) -> str:
        """The digest: 32 hex digits. Raises AudioError("no_audio") if the stream held no bytes."""
        if not self._bytes:
            raise AudioError("no_audio", "the file's audio stream is empty")
        return self._hash.hexdigest()


@dataclass(frozen=True)
class Identified:
    """A file's audio: its identity, and the facts that its container states."""

    track_id: str
    facts: StreamFacts


def identify(path: Path, on_progress: ProgressCallback = ignore_progress) -> Identified:
    """Read the whole file once, without decoding it; `on_progress` is called on the way.

    Raises AudioError as `open_audio` does, if libsndfile refuses the file too, and `endless`.
    """

    def hashed(audio: OpenAudio) -> Identified:
        hasher = StreamHasher(audio.stream)
        for packet in audio.packets(on_progress):
            hasher.add(packet, audio.stream)
        return Identified(hasher.track_id(), audio.facts)

    return _by_either(
        path, hashed, lambda audio: Identified(_sndfile_id(audio, on_progress), audio.facts)
    )


def describe(path: Path, track_id: str) -> Identified:
    """Read the facts of a file whose identity is known; raises AudioError as `identify` does."""
    return _by_either(
        path,
        lambda audio: Identified(track_id, audio.facts),
        lambda audio: Identified(track_id, audio.facts),
    )


def _by_either(
    path: Path,
    by_ffmpeg: Callable[[OpenAudio], Identified],
    by_sndfile: Callable[[SndfileAudio], Identified],
) -> Identified:
    try:
        with open_audio(path) as audio:
            return by_ffmpeg(audio)
    except AudioError as error:
        if error.code not in REFUSALS:
            raise
        with open_sndfile(path, refusal=error) as second:
            return by_sndfile(second)


def _sndfile_id(audio: SndfileAudio, on_progress: ProgressCallback) -> str:
    """The identity of what only libsndfile reads; it must not change with libsndfile's version.

    An Ogg's is the one that FFmpeg would give it: of codec, rate, channels and packets. Any other
    file's is the hash of codec, rate, channels and the decoded samples, as whole numbers unless the
    file has floating-point ones: what these codecs decode to is defined to the bit.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(repr((audio.facts.codec, audio.facts.sample_rate, audio.facts.channels)).encode())
    size = 0
    for piece in audio_packets(audio.media) if audio.facts.container == "ogg" else _pcm(audio):
        digest.update(piece)
        size += len(piece)
        on_progress()
    if not size:
        raise AudioError("no_audio", "the file's audio stream is empty")
    return digest.hexdigest()


def _pcm(audio: SndfileAudio) -> Iterator[bytes]:
    floating = audio.subtype in FLOATING
    for block in audio.blocks("float64" if floating else "int32"):
        yield block.astype("<f8" if floating else "<i4").tobytes()
