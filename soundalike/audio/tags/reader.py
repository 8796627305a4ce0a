"""Reading a file's tags from every place. It never fails a file: what is damaged is passed over."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from soundalike.audio.tags import apev2, id3
from soundalike.audio.tags.chunks import id3_offset
from soundalike.audio.tags.containers import kind_by_signature, read_container, read_ffmpeg
from soundalike.audio.tags.deadline import Deadline
from soundalike.audio.tags.fields import FileTags, clean
from soundalike.audio.tags.merge import merge
from soundalike.audio.tags.names import Source
from soundalike.audio.tags.rules import TagRules
from soundalike.audio.trailing import trailing_tags

V1_MAGIC, LYRICS_MAGIC = b"TAG", b"LYRICSBEGIN"
DEFAULT_RULES = TagRules()
# Usual tags take some milliseconds. Both together are below what counts as a decoder that hangs.
MAX_SECONDS, MAX_SECONDS_EACH = 30.0, 10.0


def read_tags(path: Path, rules: TagRules = DEFAULT_RULES) -> FileTags:
    """Read the file's tags, of whatever format. Damaged tags read as none."""
    errors: list[str] = []
    deadline = Deadline(MAX_SECONDS, MAX_SECONDS_EACH)

    def attempt(read: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        try:
            # FFmpeg cannot be interrupted, and what it has open must be closed.
            with nullcontext() if read is read_ffmpeg else deadline.limited():
                return read(*arguments)
        except Exception as error:  # parsers raise many kinds on damaged input
            errors.append(clean(f"{type(error).__name__}: {error}"))
            return None

    try:
        with path.open("rb") as file:
            sources = [source for source in _sources(path, file, attempt) if source]
        return merge(sources, rules, errors[0] if errors and not sources else None)
    except Exception as error:
        return FileTags(damage=clean(f"{type(error).__name__}: {error}"))


def _sources(path: Path, file: BinaryIO, attempt: Callable[..., Any]) -> Iterator[Source | None]:
    """Yield what each place says, the most trusted first; None for a damaged one."""
    leading = list(id3.leading_tags(file))
    trailing = list(trailing_tags(file))
    start = leading[-1][1] if leading else 0
    kind, stated = attempt(read_ffmpeg, path) or (kind_by_signature(file, start), None)
    yield attempt(read_container, file, start, kind)
    if (offset := attempt(id3_offset, file, start)) is not None:
        yield attempt(id3.read_v2, file, offset)
    for begin, _ in leading:
        yield attempt(id3.read_v2, file, begin)
    yield attempt(apev2.read_leading, file, start)
    ends = [(begin, end, _start_of(file, begin)) for begin, end in trailing]
    for begin, end, magic in ends:
        if not magic.startswith((V1_MAGIC, LYRICS_MAGIC)):
            yield attempt(apev2.read_ape, file, begin, end)
        elif magic == LYRICS_MAGIC:
            yield {"lyrics": ["present"]}
    yield stated
    for begin, _, magic in ends:
        if magic.startswith(V1_MAGIC):
            yield attempt(id3.read_v1, file, begin)


def _start_of(file: BinaryIO, begin: int) -> bytes:
    file.seek(begin)
    return file.read(len(LYRICS_MAGIC))
