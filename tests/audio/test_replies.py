"""Replies: a process that a file took over cannot slip anything past its parent."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.audio.replies import Read, parse
from soundalike.audio.tags.fields import FileTags


def a_read() -> dict[str, Any]:
    facts = {"container": "mov,mp4", "codec": "aac", "sample_rate": 44_100, "channels": 2}
    return {
        "kind": "read",
        "identified": {"track_id": "ab" * 16, "facts": {**facts, "duration": 1.5}},
        "tags": asdict(FileTags(artists=("a", "b"), bpm=120.0, raw={"title": ("x",)})),
    }


def line(reply: object) -> bytes:
    return json.dumps(reply).encode()


def test_a_proper_reply_is_understood() -> None:
    reply = parse(line(a_read()))
    assert isinstance(reply, Read)
    identified, tags = reply.values()
    assert (identified.track_id, identified.facts.duration) == ("ab" * 16, 1.5)
    assert tags == FileTags(artists=("a", "b"), bpm=120.0, raw={"title": ("x",)})


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("identified", "track_id"), "../../../etc/passwd"),
        (("identified", "track_id"), "ab" * 16 + "\n"),
        (("identified", "facts", "duration"), float("nan")),
        (("identified", "facts", "duration"), float("inf")),
        (("identified", "facts", "duration"), -1.0),
        (("identified", "facts", "sample_rate"), 2**63),
        (("identified", "facts", "sample_rate"), "44100"),
        (("identified", "facts", "codec"), "x" * 1000),
        (("tags", "title"), "a\0b"),
        (("tags", "title"), "\ud800"),
        (("tags", "title"), "x" * 501),
        (("tags", "year"), 10**12),
        (("tags", "surprise"), "x"),
        (("tags", "artists"), "x"),
        (("tags", "artists"), ["a\0b"]),
        (("tags", "artists"), ["x"] * 21),
        (("tags", "artists"), ["x" * 501]),
        (("tags", "bpm"), float("inf")),
        (("tags", "track"), 2**63),
        (("tags", "compilation"), "yes"),
        (("tags", "raw"), {"a b": ["x"]}),
        (("tags", "raw"), {"title": ["x"] * 21}),
        (("tags", "musicbrainz_release_id"), "../x"),
        (("kind",), "canonical"),
    ],
)
def test_a_reply_that_is_not_to_the_letter_is_none(where: tuple[str, ...], what: object) -> None:
    reply = a_read()
    place = reply
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = what
    with pytest.raises(ValueError, match="validation error"):
        parse(line(reply))


@given(st.binary(max_size=100))
def test_bytes_at_random_are_no_reply(noise: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse(noise)
