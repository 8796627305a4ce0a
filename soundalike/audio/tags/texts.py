"""The texts of a file's tags: decoded alike over all sources, cleaned, without repetitions."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from soundalike.audio.tags.encodings import decode, detect, raw_text
from soundalike.audio.tags.fields import MAX_VALUES, clean
from soundalike.audio.tags.names import NAMES, Source, Value, values_of
from soundalike.audio.tags.rules import DETECTED, TagRules

REPLACEMENT = "\ufffd"  # what a parser puts for bytes that it could not decode


class Texts:
    """The texts that the sources have, the most trusted source first.

    `raw` collects those that were repaired, by field, as the file has them.
    """

    def __init__(self, sources: Sequence[Source], rules: TagRules) -> None:
        self._sources = sources
        values = [
            value
            for source in sources
            for field in NAMES
            for value in islice(values_of(source, field), MAX_VALUES)
        ]
        detected = detect(value for value in values if isinstance(value, bytes))
        self._of_bytes = detected if rules.encoding == DETECTED else rules.encoding
        self._of_text = detect(value for value in values if isinstance(value, str))
        self.raw: dict[str, tuple[str, ...]] = {}

    def by_source(self, field: str) -> Iterator[list[str]]:
        """Yield the field's texts in each source that has it; unreadable ones come last."""
        found = [values for source in self._sources if (values := values_of(source, field))]
        for values in sorted(found, key=_is_unreadable):
            if texts := self._decoded(field, values):
                yield texts

    def all(self, field: str) -> list[str]:
        """Return the field's texts in the most trusted source that has it."""
        return next(self.by_source(field), [])

    def every(self, field: str) -> Iterator[str]:
        """Yield the texts of all tags of the field in all sources."""
        for source in self._sources:
            for name in NAMES[field]:
                yield from self._decoded(field, source.get(name, ()))

    def has(self, field: str) -> bool:
        """Return whether a source has the field."""
        return any(values_of(source, field) for source in self._sources)

    def _decoded(self, field: str, values: Sequence[Value]) -> list[str]:
        texts: dict[str, None] = {}
        for value in islice(values, MAX_VALUES):
            text = decode(value, self._of_bytes if isinstance(value, bytes) else self._of_text)
            if text != raw_text(value):
                self.raw[field] = (*self.raw.get(field, ()), clean(raw_text(value)))
            parts = islice(filter(str.strip, text.split("\0")), MAX_VALUES)
            texts |= dict.fromkeys(map(clean, parts))
        return unique(filter(None, texts))


def unique(texts: Iterable[str]) -> list[str]:
    """Return the first MAX_VALUES texts that differ in more than case."""
    kept: dict[str, str] = {}
    for text in texts:
        kept.setdefault(text.casefold(), text)
    return list(kept.values())[:MAX_VALUES]


def _is_unreadable(values: Sequence[Value]) -> bool:
    return any(isinstance(value, str) and REPLACEMENT in value for value in values)
