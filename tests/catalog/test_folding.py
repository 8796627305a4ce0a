"""What people hold to be one name must fold to one, and what they tell apart must not."""

# ruff: noqa: RUF001 - signs that look like others are what these tests are about

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.catalog.folding import MAX_CHARACTERS, fold, fold_words, spellings, variants

FOLDED = {
    "don't stop believin'": "dont stop believin",
    "“Heroes”": "heroes",
    "«Café» del Mar": "cafe del mar",
    "Beyoncé": "beyonce",
    "Perez Prado - Guaglione": "perez prado guaglione",
    "Perez Prado — Guaglione": "perez prado guaglione",
    "Svefn‐g‑englar": "svefn g englar",
    "Simon & Garfunkel": "simon and garfunkel",
    "R&B": "r and b",
    "Drum＆Bass": "drum and bass",
    "ISTANBUL": "istanbul",
    "İstanbul": "istanbul",
    "ısırgan": "isirgan",
    "Straße": "strasse",
    "STRAẞE": "strasse",
    "Röyksopp, Mø, Łódź, Þór, Æon": "royksopp mo lodz thor aeon",
    "ﬁre ﬂy": "fire fly",
    "Ｆｕｌｌ　Ｗｉｄｔｈ": "full width",
    "ｶﾞｰﾙ": "ガール",
    "夜の東京": "夜の東京",
    "한국어": "한국어",
    "हिन्दी": "हिन्दी",
    "ёлка": "елка",
    "ΑΣ": "ας".casefold(),
    "I ❤️ NY": "i ❤ ny",
    "I❤NY": "i ❤ ny",
    "👍🏽": "👍",
    "AC/DC": "ac dc",
    "R.E.M.": "rem",
    "Mr. X": "mr x",
    "01_Artist_-_Title.flac": "01 artist title flac",
    "Ke$ha": "ke$ha",
    "!!!": "!!!",
    "? !": "?!",
    "—": "-",
    "…": "...",
    "soft\u00adhyphen zero\u200bwidth": "softhyphen zerowidth",
    "a\0b\udcffc\nd": "a b c d",
    "": "",
    " \t\u200b": "",
}
APOSTROPHES = "'’‘‛ʼʻ`´′＇"


@pytest.mark.parametrize("text", FOLDED)
def test_a_text_folds_to_what_people_type(text: str) -> None:
    assert fold(text) == FOLDED[text]


@pytest.mark.parametrize("sign", APOSTROPHES)
def test_every_apostrophe_is_one(sign: str) -> None:
    assert fold(f"Don{sign}t") == "dont"
    assert {"don", "t", "dont"} <= variants(f"Don{sign}t")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_mac_s_names_are_everybody_s(form: str) -> None:
    for name in ("Sigur Rós", "Ångström", "ガール", "한국어", "Nguyễn"):
        assert fold(normalize(form, name)) == fold(name)
        assert normalize("NFD", name) in spellings(normalize("NFC", name))


def test_different_names_stay_different() -> None:
    names = ("カ", "ガ", "ABBA", "Abbas", "!!!", "???", "The The", "Thethe", "ที่", "ที")
    assert len({fold(name) for name in names}) == len(names)


def test_joined_and_single_letters_find_a_name_too() -> None:
    assert {"acdc", "/"} <= variants("AC/DC")
    assert {"r", "e", "m"} <= variants("R.E.M.")
    assert "svefngenglar" in variants("Svefn-g-englar")


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_folding_takes_any_text_and_folds_once(text: str) -> None:
    folded = fold(text)
    folded.encode()
    assert "\0" not in folded
    assert fold(folded) == folded
    assert fold_words(text) == folded.split(" ") * bool(folded)


def test_a_long_text_is_cut() -> None:
    assert len(fold("\ufdfa" * 10_000)) <= MAX_CHARACTERS
