"""Detection of the usual encodings of names: a naive Bayes classifier of characters and words.

Made for titles and names: of `Кино` in cp1251, charset-normalizer 3.5 takes four East Asian
encodings for likelier. Each model gives the logarithm of a text's probability; the numbers are
rough, and what is not certain by far is left as it is.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from math import exp, log

LATIN = "cp1252"
CERTAIN = 4.0  # natural logarithm of the odds against the next best encoding
ASCII = log(1 / 40)
ACCENTED = log(1 / 80)  # a letter of a Latin alphabet
MARK = log(1 / 100)  # punctuation beyond ASCII
SYMBOL = log(1 / 2000)  # no name has them, but for a few
UNUSUAL_WORD = log(1 / 2000)
CAPITALS = log(1 / 5)  # a word of capitals only
SMALL_START = log(1 / 10)  # of a whole name
USUAL_SYMBOLS = frozenset("№©®™°")

# The letters of what is written in each encoding of one byte a letter, the commonest first.
CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхіжшюцїєщэфґёўъ"
ALPHABETS = {
    "cp1251": CYRILLIC,
    "koi8_u": CYRILLIC,
    "cp866": CYRILLIC,
    "cp1253": "αοιετσνηυρπκμλςάίόγέδήθχφβώύξζψϊΐϋΰ",
    "cp1255": "יוהלאמרתבשנדעקםןחףפכסטגזךץצ",
    "cp1256": "اليمنوتربهعدسفةقحكأجشىصخطضغزذثئءظإآؤ",
}
NO_FIRST_LETTERS = tuple("ъыьςЪЫЬםןףךץةى")  # no word begins with one of these
FALL = 9.0  # ranks in which a letter's frequency falls to a third, in Russian and Greek

CHINESE = (
    "的一不我你是在了有爱愛人心天这這来來上大中到为為和没沒个個说說要会會想就时時过過情也得好生小风風花月"
    "夜雨梦夢日水无無世界歌曲年里裡下子女手飞飛海红紅光自山春秋开開去那她他们們谁誰如果音乐樂城星空王李张張"
)
KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD), 0x3005)))
KOREAN = (
    "이다나그사가는을에의고지를아하은어해한기리인너로라자대시내도안만수우서일마게랑보주세날면정오눈여원노"
    "했있없말요못비잊람당신저네와까니전소같운야미유바무들진모처버울년단좋"
)
# By encoding of two bytes: common characters, and the first bytes of those that the national
# standard lists as the usual ones.
CHARACTERS = {
    "cp932": (KANA, range(0x88, 0x99)),
    "euc_jp": (KANA, range(0xB0, 0xD0)),
    "gb18030": (CHINESE, range(0xB0, 0xD8)),
    "big5": (CHINESE, range(0xA4, 0xC7)),
    "cp949": (KOREAN, range(0xB0, 0xC9)),
}
USUAL, RARE = log(0.4 / 3000), log(0.02 / 5000)  # each of so many characters


def detect_charset(data: bytes) -> str | None:
    """Return the encoding of the bytes; None if none is certain, or if it is Latin-1's."""
    likelihoods: list[tuple[float, str]] = []
    for encoding, likelihood in MODELS.items():
        try:
            likelihoods.append((likelihood(data.decode(encoding)), encoding))
        except UnicodeDecodeError:
            continue
    ranked = sorted(likelihoods, reverse=True)
    if not ranked or ranked[0][1] == LATIN:
        return None
    second = ranked[1][0] if len(ranked) > 1 else float("-inf")
    return ranked[0][1] if ranked[0][0] - second >= CERTAIN else None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


def _sign(sign: str) -> float:
    """Return the likelihood of a character that is no letter of the model."""
    if sign.isascii():
        return ASCII
    kind = unicodedata.category(sign)
    return MARK if kind[0] == "P" or sign in USUAL_SYMBOLS or sign == "\xa0" else SYMBOL


def _latin(text: str) -> float:
    """Words of Latin alphabets: few have letters beyond ASCII only."""
    letters = sum(
        ACCENTED if sign.isalpha() and not sign.isascii() else _sign(sign) for sign in text
    )
    foreign = [len(word) for word in _words(text) if not re.search("[A-Za-z]", word)]
    return letters + sum(min(length - 1, 3) * log(1 / 20) for length in foreign)


def _one_byte(ranks: Mapping[str, float], text: str) -> float:
    """Words of an alphabet, each without ASCII's letters, in lower case or capitalised."""
    letters = sum(ranks.get(sign.lower()) or _sign(sign) for sign in text)
    small = sum(line[:1].islower() and not line[:1].isascii() for line in text.splitlines())
    return letters + sum(map(_word, _words(text))) + small * SMALL_START


def _word(word: str) -> float:
    if word.isascii():
        return 0.0
    if re.search("[A-Za-z]", word) or word.startswith(NO_FIRST_LETTERS):
        return UNUSUAL_WORD
    if word in (word.lower(), word.capitalize()):
        return 0.0
    return CAPITALS if word.isupper() else UNUSUAL_WORD


def _two_bytes(encoding: str, text: str) -> float:
    """Characters, of which some are common, and most are usual ones."""
    common, rows = CHARACTERS[encoding]

    def one(sign: str) -> float:
        if sign in common:
            return log(0.5 / len(common))
        if sign.isascii() or not sign.isalpha():
            return _sign(sign)
        return USUAL if sign.encode(encoding)[0] in rows else RARE

    return sum(map(one, text))


def _ranks(alphabet: str) -> dict[str, float]:
    """Return the logarithm of each letter's frequency."""
    total = sum(exp(-rank / FALL) for rank in range(len(alphabet)))
    return {letter: -rank / FALL - log(total) for rank, letter in enumerate(alphabet)}


MODELS: dict[str, Callable[[str], float]] = {
    LATIN: _latin,
    **{name: partial(_one_byte, _ranks(alphabet)) for name, alphabet in ALPHABETS.items()},
    **{name: partial(_two_bytes, name) for name in CHARACTERS},
}
