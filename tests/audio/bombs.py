"""Files made to hurt: small ones that unpack to a lot, headers that promise the impossible."""

import struct
import zlib
from pathlib import Path

import soundfile

from tests.sounds import cover, music, song

BLOCK = 65_535  # the most samples a FLAC frame may hold


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    crc, top = 0, 1 << (bits - 1)
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & ((1 << bits) - 1)
    return crc


def _coded(number: int) -> bytes:
    """A frame's number, as FLAC writes it: like UTF-8."""
    return chr(number).encode("utf-8", "surrogatepass")


def flac_bomb(hours: float, claimed: int = 0) -> bytes:
    """14 bytes for each 8 seconds at 8 kHz: every frame says "the same sample again"."""
    rate = 8_000
    info = struct.pack(">HH", BLOCK, BLOCK) + bytes(6)
    info += ((rate << 44) | (15 << 36) | claimed).to_bytes(8) + bytes(16)
    out = bytearray(b"fLaC\x80\0\0\x22" + info)
    for number in range(int(hours * 3600 * rate) // BLOCK + 1):
        head = b"\xff\xf8\x74\x08" + _coded(number) + struct.pack(">H", BLOCK - 1)
        frame = head + bytes([_crc(head, 0x07, 8)]) + b"\0\0\x10"
        out += frame + _crc(frame, 0x8005, 16).to_bytes(2)
    return bytes(out)


def wav(rate: int = 44_100, channels: int = 2, bits: int = 16, size: int = 40_000) -> bytes:
    """Noise under a header that says whatever it is told."""
    align = min(channels * bits // 8, 0xFFFF)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * align % 2**32, align, bits)
    data = music(1.0, channels=1).tobytes()[:size]
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _id3(frames: bytes, claimed: int | None = None) -> bytes:
    size = len(frames) if claimed is None else claimed
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def id3_bomb(megabytes: int) -> bytes:
    """A picture that mutagen unpacks: a zlib stream of zeros in an ID3v2.4 frame."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()
    size = len(packed) + 4
    safe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    length = bytes((megabytes << 20) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return _id3(b"APIC" + safe + b"\0\x09" + length + packed)


def png_bomb(side: int) -> bytes:
    """A picture of `side` x `side` pixels, all black."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    parts = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*parts, (b"IEND", b""))
    )


def _flac_with(picture: bytes, claimed: int, sound: bytes) -> bytes:
    mime = b"image/png"
    block = (
        struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, 9, 9, 24, 0, claimed)
    )
    block += picture
    head = bytes([6]) + (len(block) & 0xFFFFFF).to_bytes(3)
    return sound[:42].replace(b"fLaC\x80", b"fLaC\0", 1) + head + block + sound[42:]


def bombs(folder: Path) -> dict[str, bytes]:
    """By name. None of them may take a process down or fill a disk."""
    mp3 = song(folder / "bomb-source.mp3", seconds=1.0).read_bytes()
    soundfile.write(folder / "bomb-source.flac", music(1.0).T, 44_100)
    flac = (folder / "bomb-source.flac").read_bytes()
    picture = cover(64)
    return {
        **{f"rate-{rate}.wav": wav(rate=rate) for rate in (0, 1, 999, 10**6, 4 * 10**9)},
        **{f"channels-{count}.wav": wav(channels=count) for count in (0, 65, 1000, 65_535)},
        **{f"bits-{bits}.wav": wav(bits=bits) for bits in (0, 1, 7, 64, 65_535)},
        "claims-years.flac": flac_bomb(0.1, claimed=2**36 - 1),
        "minutes.flac": flac_bomb(0.1),
        "id3-claims-256-MiB.mp3": _id3(b"", claimed=2**28 - 1) + mp3,
        "id3-unpacks.mp3": id3_bomb(20) + mp3,
        "picture-claims-4-GiB.flac": _flac_with(picture, 2**32 - 1, flac),
        "black-square.mp3": with_cover(mp3, png_bomb(4000)),
        "nothing-but-tags.mp3": _id3(bytes(1000)) * 300,
    }


def with_cover(mp3: bytes, picture: bytes) -> bytes:
    """An MP3 with this cover art."""
    body = b"\0image/png\0\3\0" + picture
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return _id3(b"APIC" + size + b"\0\0" + body) + mp3


def lures(bait: Path, url: str) -> dict[str, str]:
    """Texts that ask a player to open something else."""
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n"
    return {
        **{f"hls-{n}.mp3": hls.format(to) for n, to in enumerate((bait, bait.name, url))},
        **{f"hls-{n}.m3u8": hls.format(to) for n, to in enumerate((bait, bait.name, url))},
        "protocols.m3u8": hls.format(f"concat:{bait}|{bait}"),
        "subfile.m3u8": hls.format(f"subfile,,start,0,end,0,,:{bait}"),
        "key.m3u8": hls.format(bait).replace(
            "#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF'
        ),
        "list.m3u": f"#EXTM3U\n{bait}\n",
        "list.pls": f"[playlist]\nFile1={url}\nNumberOfEntries=1\n",
        "concat.mp3": f"ffconcat version 1.0\nfile '{bait}'\n",
        "concat.ffconcat": f"ffconcat version 1.0\nfile {bait.name}\n",
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 9 RTP/AVP 0\n",
        "dash.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
        f'<AdaptationSet mimeType="audio/mp4"><Representation id="1"><BaseURL>{url}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "cue.cue": f'FILE "{bait}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "asx.wma": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "ram.rm": url,
        "redirect.mov": f"RTSPtextRTSP://{url}\n",
        "smil.mp3": f'<smil><body><audio src="{bait}"/></body></smil>',
    }
