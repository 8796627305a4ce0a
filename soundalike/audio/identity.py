"""Identity: a hash of the encoded audio stream, so that a retag or a move is not a new track."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream
from av.packet import Packet

from soundalike.audio.stream import (
    ProgressCallback,
    StreamFacts,
    facts_of,
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
        head = (stream.codec_context.name, stream.sample_rate, stream.channels)
        self._hash.update(repr(head).encode())
        self._bytes = 0

    def add(self, packet: "Packet[AudioStream]") -> None:
        """Hash one packet of the stream; to be called in file order."""
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

    Raises AudioError as `open_audio` does, and `endless`.
    """
    with open_audio(path) as audio:
        hasher = StreamHasher(audio.stream)
        for packet in audio.packets(on_progress):
            hasher.add(packet)
        return Identified(hasher.track_id(), facts_of(audio.container, audio.stream))


def describe(path: Path, track_id: str) -> Identified:
    """Read the facts of a file whose identity is known; raises AudioError as `open_audio` does."""
    with open_audio(path) as audio:
        return Identified(track_id, facts_of(audio.container, audio.stream))
