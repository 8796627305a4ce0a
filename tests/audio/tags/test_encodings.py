"""Encodings are detected where they are certain, and names that may be right stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.audio.tags.encodings import decode, detect

# Title and artist, and the encodings that files have them in.
NAMES = [
    (("Кукушка", "Кино"), ("cp1251", "koi8-r", "cp866")),
    (("Кино",), ("cp1251", "koi8-r", "cp866")),
    (("Звезда по имени Солнце", "Кино"), ("cp1251", "koi8-r", "cp866")),
    (("Би-2", "Полковнику никто не пишет"), ("cp1251", "koi8-r", "cp866")),
    (("Чиж & Co", "О любви"), ("cp1251", "koi8-r")),  # noqa: RUF001
    (("Океан Ельзи", "Обійми"), ("cp1251", "koi8-u")),
    (("Χάρις Αλεξίου", "Μάνος"), ("cp1253", "iso8859-7")),
    (("אריק איינשטיין", "עוף גוזל"), ("cp1255",)),
    (("فيروز", "نسم علينا الهوى"), ("cp1256",)),
    (("邓丽君", "月亮代表我的心"), ("gbk",)),
    (("周杰倫", "七里香", "我的地盤"), ("big5",)),
    (("宇多田ヒカル", "ファースト・ラブ"), ("shift-jis", "euc-jp")),
    (("소녀시대", "다시 만난 세계"), ("euc-kr",)),
]
LATIN = (
    *("Björk", "Mötley Crüe", "Ágætis byrjun", "À quoi ça sert l'amour", "Ó", "Å", "Çà et là"),
    *("Los Niños", "Ásgeir Þögn", "Édith", "Žižek", "Dvořák", "Beyoncé", "Öl"),
)
CASES = [(names, encoding) for names, encodings in NAMES for encoding in encodings]


@pytest.mark.parametrize(("names", "encoding"), CASES)
def test_names_of_no_stated_encoding_are_read(names: tuple[str, ...], encoding: str) -> None:
    data = [name.encode(encoding) for name in names]
    detected = detect(data)
    assert tuple(decode(value, detected) for value in data) == names


@pytest.mark.parametrize(("names", "encoding"), CASES)
def test_names_that_were_taken_for_latin_1_are_read(names: tuple[str, ...], encoding: str) -> None:
    texts = [name.encode(encoding).decode("latin-1") for name in names]
    detected = detect(texts)
    assert tuple(decode(text, detected) for text in texts) == names


@pytest.mark.parametrize("name", LATIN)
def test_latin_names_stay_as_they_are(name: str) -> None:
    assert detect([name]) is None
    assert decode(name, None) == name


@pytest.mark.parametrize("name", [name for name in LATIN if "ř" not in name])
def test_latin_1_bytes_are_latin_1(name: str) -> None:
    data = name.encode("cp1252")
    assert decode(data, detect([data])) == name


@pytest.mark.slow
@given(st.lists(st.binary(max_size=50) | st.text(max_size=50), max_size=5))
def test_any_bytes_are_some_text(values: list[bytes | str]) -> None:
    detected = detect(values)
    assert all(isinstance(decode(value, detected), str) for value in values)
