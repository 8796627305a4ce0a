"""Text whose encoding a file does not state, or states wrongly: repaired where it is certain.

Valid UTF-8 is certain. Of the other encodings, the likeliest is taken if it is so by far, over all
of a file's tags together: `charsets.py` judges that.
"""

from collections.abc import Iterable

from soundalike.audio.tags.charsets import detect_charset
from soundalike.audio.tags.names import Value

FALLBACK = "cp1252"  # Latin-1 with printable signs from 0x80 on
MAX_BYTES = 4096  # more are not judged


def decode(value: Value, encoding: str | None) -> str:
    """Decode a value: UTF-8 if it is valid, else `encoding`, else as Latin-1.

    Text counts as bytes if it was decoded wrongly before it was written: `BjÃ¶rk`.
    """
    data = (value if isinstance(value, bytes) else _mistaken(value)) or b""
    for name in ("utf-8", encoding):
        if data and name and (text := _decoded(data, name)) is not None:
            return text
    return raw_text(value)


def raw_text(value: Value) -> str:
    """Return the value as the file has it: bytes as Latin-1."""
    return value if isinstance(value, str) else _as_latin(value)


def _as_latin(data: bytes) -> str:
    """Decode bytes as cp1252, and as Latin-1 where that has no sign."""
    return _decoded(data, FALLBACK) or data.decode("latin-1")


def detect(values: Iterable[Value]) -> str | None:
    """Return the encoding of those values that are not UTF-8; None if it is not certain."""
    texts = [value if isinstance(value, bytes) else _mistaken(value) for value in values]
    unknown = [text for text in texts if text and _decoded(text, "utf-8") is None]
    return detect_charset(b"\n".join(dict.fromkeys(unknown))[:MAX_BYTES])


def _mistaken(text: str) -> bytes | None:
    """Return the bytes that the text may have been decoded from as Latin-1; None if it was not."""
    if text.isascii():
        return None
    for name in ("latin-1", FALLBACK):
        try:
            return text.encode(name)
        except UnicodeEncodeError:
            continue
    return None


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
