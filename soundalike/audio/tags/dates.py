"""Years of dates, however they are written."""

import re
import unicodedata

from soundalike.audio.tags.fields import MAX_YEAR, MIN_YEAR

MONTHS, DAYS = range(13), range(32)  # 00 stands for unknown
DIGITS = re.compile(r"\d+")
YEAR, YEAR_AND_MONTH, YEAR_MONTH_AND_DAY = 4, 6, 8  # digits; longer ones go on with a time


def year_of(text: str) -> int | None:
    """Return the first year that the text holds: 2004 of `20040512`, `12.5.2004` or `c2004`."""
    for digits in DIGITS.findall(unicodedata.normalize("NFKC", text)):
        for year in _years(digits):
            if MIN_YEAR <= year <= MAX_YEAR:
                return year
    return None


def _years(digits: str) -> list[int]:
    """Return the years that a run of digits may begin or end with, the likeliest first."""
    if len(digits) == YEAR:
        return [int(digits)]
    if len(digits) < YEAR_AND_MONTH:
        return []
    years = []
    if int(digits[4:6]) in MONTHS and int(digits[6:8] or 0) in DAYS:
        years.append(int(digits[:4]))
    if len(digits) == YEAR_MONTH_AND_DAY:
        years.append(int(digits[4:]))
    return years
