"""Bodies that are known not to be audio, by their first bytes: each is refused by its own name."""

from pathlib import Path

from soundalike.errors import AudioError

HEAD_BYTES = 512
TAR_MAGIC = slice(257, 262)
ARCHIVES = {
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PLAYLISTS = (b"#extm3u", b"[playlist]", b"<asx", b"<playlist", b"<smil")


def require_possible_audio(file: Path) -> None:
    """Refuse what is certainly no audio.

    Raises AudioError: empty, archive, playlist or text; FFmpeg would call each something else.
    """
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if not head:
        raise AudioError("empty", "the body holds no byte; send the audio file as the body")
    kind = _archive(head)
    if kind:
        detail = f"it is an archive ({kind}); send one of the audio files in it"
        raise AudioError("archive", detail)
    if not _is_text(head):
        return
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    named = start.partition(b"?>")[2].lstrip() if start.startswith(b"<?xml") else start
    if named.startswith(PLAYLISTS):
        detail = "it is a playlist, which names audio and holds none; send the file that it names"
        raise AudioError("playlist", detail)
    raise AudioError("text", "it is text; send the audio file itself, not its name or its address")


def _archive(head: bytes) -> str | None:
    if head[TAR_MAGIC] == b"ustar":
        return "tar"
    return next((name for magic, name in ARCHIVES.items() if head.startswith(magic)), None)


def _is_text(head: bytes) -> bool:
    """Return whether the bytes are UTF-8 without control characters, cut anywhere."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.end < len(head) or len(head) < HEAD_BYTES:
            return False
        text = head[: error.start].decode()
    return all(sign >= " " or sign in "\t\n\r\f" for sign in text)
