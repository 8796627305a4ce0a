"""Losses: how much of a stream lies in packets that do not decode."""

from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet


class Losses:
    """Sums what broken packets held: `decoded` or `broken` is called for each packet, in order."""

    def __init__(self) -> None:
        self._good_seconds = self._broken_seconds = self._tail_seconds = 0.0
        self._good_bytes = self._broken_bytes = self._tail_bytes = 0
        self._stream: AudioStream | None = None
        self._unit = 0, 1  # in seconds, as a fraction

    def decoded(self, packet: "Packet[AudioStream]", stream: AudioStream) -> None:
        """Count a packet that decoded: broken ones between it and the last such one were audio."""
        if not packet.size:
            return
        self._broken_seconds += self._tail_seconds
        self._broken_bytes += self._tail_bytes if self._good_bytes else 0
        self._good_seconds += self._seconds_of(packet, stream)
        self._good_bytes += packet.size
        self._tail_seconds, self._tail_bytes = 0.0, 0

    def broken(self, packet: "Packet[AudioStream]", stream: AudioStream) -> None:
        """Count a packet that did not decode."""
        self._tail_seconds += self._seconds_of(packet, stream)
        self._tail_bytes += packet.size

    def seconds(self, framed: bool) -> float:
        """The seconds that broken packets held.

        In a container (`framed`): the sum of their stated durations. Without one: by duration or by
        bytes, whichever is more, because one broken packet then holds all up to the next good one,
        as if it were 26 ms. Bytes before the first good packet, and all after the last one, may
        not be audio and are left out.
        """
        if framed:
            return self._broken_seconds + self._tail_seconds
        if not self._good_bytes:
            return self._broken_seconds
        by_bytes = self._broken_bytes * self._good_seconds / self._good_bytes
        return max(self._broken_seconds, by_bytes)

    def _seconds_of(self, packet: "Packet[AudioStream]", stream: AudioStream) -> float:
        """A packet's stated duration in seconds, or else the usual one of its codec.

        The unit of durations is asked for once a stream: there are 40 packets a second, and a
        Fraction costs more than the rest of this.
        """
        numerator, denominator = self._unit
        if stream is not self._stream or not numerator:
            self._stream = stream
            self._unit = (packet.time_base or Fraction()).as_integer_ratio()
            numerator, denominator = self._unit
        if packet.duration and numerator:
            return packet.duration * numerator / denominator
        return (stream.codec_context.frame_size or 0) / stream.sample_rate
