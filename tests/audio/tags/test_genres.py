"""Genres are single names, whatever a tag makes of several."""

import pytest

from soundalike.audio.tags.genres import genres_of


@pytest.mark.parametrize(
    ("values", "genres"),
    [
        (["Latin", "Mambo"], ["Latin", "Mambo"]),
        (["Latin; Pop"], ["Latin", "Pop"]),
        (["Latin;Pop;"], ["Latin", "Pop"]),
        (["Rock/Pop"], ["Rock", "Pop"]),
        (["Rock\0Pop"], ["Rock", "Pop"]),
        (["R&amp;B; Soul"], ["R&amp;B", "Soul"]),
        (["Folk, World, & Country"], ["Folk, World, & Country"]),
        (["17"], ["Rock"]),
        (["(17)"], ["Rock"]),
        (["(17)(18)"], ["Rock", "Techno"]),
        (["(4)Eurodisco"], ["Disco", "Eurodisco"]),
        (["17; 18"], ["Rock", "Techno"]),
        (["(RX)"], ["Remix"]),
        (["255"], []),
        (["80s"], ["80s"]),
        ([" ; / "], []),
    ],
)
def test_each_genre_by_itself(values: list[str], genres: list[str]) -> None:
    assert list(genres_of(values, (";", "/"))) == genres


def test_the_setting_chooses_the_separators() -> None:
    assert list(genres_of(["Rock/Pop | Soul"], ("|",))) == ["Rock/Pop", "Soul"]
    assert list(genres_of(["Rock/Pop; Soul"], ())) == ["Rock/Pop; Soul"]
