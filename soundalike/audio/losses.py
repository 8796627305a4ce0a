"""How much of a stream lies in packets that do not decode."""

from av.audio.stream import AudioStream
from av.packet import Packet


class Losses:
    """Told of each packet in order, whether it decoded; sums what the broken ones held."""

    def __init__(self) -> None:
        self._good_seconds = self._broken_seconds = self._tail_seconds = 0.0
        self._good_bytes = self._broken_bytes = self._tail_bytes = 0

    def decoded(self, packet: "Packet[AudioStream]", stream: AudioStream) -> None:
        """This one did. Broken ones before it were in the middle, then, and were audio."""
        if not packet.size:
            return
        self._broken_seconds += self._tail_seconds
        self._broken_bytes += self._tail_bytes if self._good_bytes else 0
        self._good_seconds += _seconds_of(packet, stream)
        self._good_bytes += packet.size
        self._tail_seconds, self._tail_bytes = 0.0, 0

    def broken(self, packet: "Packet[AudioStream]", stream: AudioStream) -> None:
        """This one did not."""
        self._tail_seconds += _seconds_of(packet, stream)
        self._tail_bytes += packet.size

    def seconds(self, framed: bool) -> float:
        """What broken packets held, by their own word or by their bytes, whichever is more.

        Without a container (not `framed`) one broken packet holds all up to the next good one, as
        if it were 26 ms; and what is before the first good one and after the last may be no audio.
        """
        if framed:
            return self._broken_seconds + self._tail_seconds
        if not self._good_bytes:
            return self._broken_seconds
        by_bytes = self._broken_bytes * self._good_seconds / self._good_bytes
        return max(self._broken_seconds, by_bytes)


def _seconds_of(packet: "Packet[AudioStream]", stream: AudioStream) -> float:
    """How long a packet says it lasts, or else what the codec's packets usually do."""
    if packet.duration and packet.time_base:
        return float(packet.duration * packet.time_base)
    return (stream.codec_context.frame_size or 0) / stream.sample_rate
