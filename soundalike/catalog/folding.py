"""Folding: texts that people hold to be the same become the same words, on both sides of a search.

Nothing here knows the catalog: `search_words` stores folded words, `text_search` asks for them.
"""

import re
from unicodedata import category, combining, normalize

MAX_CHARACTERS = 1000  # of one text; the rest is passed over

# ruff: noqa: RUF001 - signs that look like others are what this module is about
_PLAIN_SIGNS = {
    "'": "`´΄ʹʻʼʽˈˊˋʾʿ‘’‚‛′‵＇ꞌ",
    '"': "“”„‟″‶«»〝〞〟＂",
    "-": "‐‑‒–—―−⁃⸺⸻",
}
_SIGNS = str.maketrans(
    {sign: plain for plain, signs in _PLAIN_SIGNS.items() for sign in signs},
)
# Letters that no decomposition takes apart, as people type them without their keyboard.
_LETTERS = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ħ": "h",
    "ŧ": "t",
    "ı": "i",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ŋ": "n",
    "ĸ": "k",
    "ƀ": "b",
    "ɨ": "i",
    "ʉ": "u",
    "ə": "e",
}
# Canonical combining classes of accents. Others are letters' own: of kana, Indic and Thai scripts.
_ACCENTS = frozenset((1, *range(10, 37), *range(200, 256)))
_ACRONYM = re.compile(r"(?<!\w)[^\W\d_](?:\.[^\W\d_])+\b\.?(?!\w)")


class _PlainCharacters(dict[int, str | None]):
    """Maps characters of decomposed, lower-case text to plain ones; None for a dropped one."""

    def __missing__(self, code: int) -> str | None:
        self[code] = plain = self._plain(chr(code))
        return plain

    @staticmethod
    def _plain(character: str) -> str | None:
        kind = category(character)
        if combining(character) in _ACCENTS or kind in ("Cf", "Me") or _is_variation(character):
            return None
        if character == "&":
            return " and "
        if kind in ("So", "Co", "Cn"):  # a picture is a word, also between letters
            return f" {character} "
        if kind in ("Cc", "Cs"):
            return " "
        return _LETTERS.get(character, character)


class _WordCharacters(dict[int, str]):
    """Maps characters that are no part of a word to spaces."""

    def __missing__(self, code: int) -> str:
        kind = category(chr(code))
        in_word = kind[0] in "LNM" or kind in ("So", "Sc", "Co", "Cn")
        self[code] = kept = chr(code) if in_word else " "
        return kept


_PLAIN_CHARACTERS = _PlainCharacters(_SIGNS)
_WORD_CHARACTERS = _WordCharacters()


def fold(text: str) -> str:
    """Return the text's folded words, separated by single spaces: two texts with one are one name.

    Case, accents, typographic signs, compatibility forms and punctuation do not count, `&` is
    `and`. A text that is nothing but punctuation (a band called `!!!`) is its own only word.
    """
    return " ".join(fold_words(text))


def fold_words(text: str) -> list[str]:
    """Return the words of `fold`."""
    plain = _plain(text)
    found = _split(_ACRONYM.sub(lambda match: match[0].replace(".", ""), plain).replace("'", ""))
    return found or _punctuation(plain)


def variants(text: str) -> set[str]:
    """Return what else the text is found by: runs of letters, those joined, and signs.

    `R.E.M.` is `rem` for `fold_words`, here `r`, `e`, `m`; `AC/DC` is `ac`, `dc`, here `acdc`, `/`.
    """
    found: set[str] = set()
    for chunk in _plain(text).split():
        letters = chunk.replace("'", " ").translate(_WORD_CHARACTERS)
        runs = letters.split()
        found.update(runs, {"".join(runs)} - {""})
        found.update(_between(chunk, letters).split())
    return found


def spellings(text: str) -> set[str]:
    """Return the text as it is, and with accents together and apart: the same on a screen."""
    return {text, normalize("NFC", text), normalize("NFD", text)}


def _plain(text: str) -> str:
    apart = normalize("NFKD", text[:MAX_CHARACTERS].translate(_SIGNS))
    apart = normalize("NFKD", apart.casefold())[: 2 * MAX_CHARACTERS]
    return normalize("NFC", apart.translate(_PLAIN_CHARACTERS))[:MAX_CHARACTERS]


def _split(plain: str) -> list[str]:
    return plain.translate(_WORD_CHARACTERS).split()


def _between(chunk: str, letters: str) -> str:
    """Return the chunk with spaces for letters: the opposite of `letters`."""
    pairs = zip(chunk, letters, strict=True)
    return "".join(sign if letter == " " else " " for sign, letter in pairs)


def _punctuation(plain: str) -> list[str]:
    return ["".join(plain.split())] if plain.strip() else []


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
