"""Years are read from dates as people and programs write them."""

import pytest

from soundalike.audio.tags.dates import year_of


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2004", 2004),
        ("2004-05-12", 2004),
        ("2004-05-12T10:30:00Z", 2004),
        ("2004-00-00", 2004),
        ("20040512", 2004),
        ("200405", 2004),
        ("20040512103000", 2004),
        ("12052004", 2004),
        ("14101066", 1066),
        ("12.5.2004", 2004),
        ("05/12/2004", 2004),
        ("May 12, 2004", 2004),
        ("2004年5月12日", 2004),
        ("２００４年", 2004),
        ("c1987", 1987),
        ("(P) 1987", 1987),
        ("℗1987 ECM", 1987),
        ("[1987?]", 1987),
        ("1724", 1724),
        ("0000; 1999", 1999),
        ("0000", None),
        ("0000-00-00", None),
        ("", None),
        ("unknown", None),
        ("99", None),
        ("198?", None),
        ("12345", None),
        ("9999", None),
        ("9" * 5000, None),
    ],
)
def test_the_year_of_a_date(text: str, year: int | None) -> None:
    assert year_of(text) == year
