"""Text from files, made safe to show: names and tags may hold anything."""

import os
import re
from pathlib import Path


def printable(text: str) -> str:
    r"""Control characters escaped, so that a name stays on its line (`two\x0alines.mp3`)."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


def shown(path: bytes | str | Path) -> str:
    r"""A path for people: what is not UTF-8 is escaped (`caf\xe9.mp3`)."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
