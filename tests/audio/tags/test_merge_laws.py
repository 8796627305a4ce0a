"""Laws of merging what the places in a file say, over tags that nobody thought of."""

import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.audio.tags.fields import MAX_TAG_LENGTH, MAX_VALUES, clean
from soundalike.audio.tags.merge import merge
from soundalike.audio.tags.names import NAMES, Source
from soundalike.audio.tags.rules import TagRules

RULES = TagRules()
# Fields that are their own texts: others fall back to a second field, or are parsed.
PLAIN = ("title", "album", "composers", "labels", "comment", "initial_key", "isrcs")
ALL_NAMES = [name for names in NAMES.values() for name in names]


def sources(value: st.SearchStrategy[str | bytes]) -> st.SearchStrategy[Source]:
    return st.dictionaries(st.sampled_from(ALL_NAMES), st.lists(value, max_size=3), max_size=12)


ANYTHING = sources(st.one_of(st.text(max_size=30), st.binary(max_size=30)))
# ASCII only: which encoding other text is in, all sources decide together.
ASCII = sources(st.text(st.characters(max_codepoint=126), max_size=12))


@given(st.lists(ANYTHING, max_size=3))
def test_any_text_merges_to_values_within_their_bounds(found: list[Source]) -> None:
    tags = asdict(merge(found, RULES))
    for name, value in tags.items():
        if isinstance(value, float):
            assert math.isfinite(value), name
        if isinstance(value, int) and not isinstance(value, bool):
            assert value > 0, name
        if isinstance(value, tuple):
            assert len(value) <= MAX_VALUES
            assert len({each.casefold() for each in value}) == len(value), name
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                assert text == text.strip() and 0 < len(text) <= MAX_TAG_LENGTH, name
                assert not any(ord(c) < 32 for c in text), name
                text.encode()  # no lone surrogate


def test_white_space_of_any_kind_at_the_ends_is_dropped() -> None:
    assert clean("\ufeff\xa0 A\u2003B\u3000\x85\n") == "A\u2003B"
    assert clean("\xa0\u2028") == ""


@pytest.mark.parametrize("field", PLAIN)
@given(trusted=ASCII, others=st.lists(ASCII, max_size=2))
def test_a_less_trusted_source_only_fills_what_is_missing(
    field: str, trusted: Source, others: list[Source]
) -> None:
    alone, together = merge([trusted], RULES), merge([trusted, *others], RULES)
    of_others = merge(others, RULES)
    expected = getattr(alone, field) or getattr(of_others, field)
    assert getattr(together, field) == expected


@given(ASCII)
def test_what_is_merged_again_stays(found: Source) -> None:
    once = merge([found], RULES)
    assert merge([found, found], RULES) == once
    assert merge([{}, found, {}], RULES) == once
