"""Display text: names and tags from files may hold anything, and are made safe to show."""

import os
import re
from pathlib import Path


def printable(text: str) -> str:
    r"""Escape control characters, so that a name stays on its line (`two\x0alines.mp3`)."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match[0]):02x}", text)


def shown(path: bytes | str | Path) -> str:
    r"""Convert a path to text for display: what is not UTF-8 is escaped (`caf\xe9.mp3`)."""
    exact = path if isinstance(path, bytes) else os.fsencode(path)
    return exact.decode("utf-8", "backslashreplace")
