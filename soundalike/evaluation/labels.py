"""Labels of a collection: from its folders, its files' tags, or a CSV."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundalike.audio.tags.fields import FileTags, clean
from soundalike.errors import SoundalikeError
from soundalike.evaluation.retrieval import SEVERAL, Labels

TAGS = ("genre", "artist", "album", "year")
LISTS = {"genre": "genres", "artist": "artists"}
COLUMNS = ("path", "label", "artist", "album")


class LabelError(SoundalikeError):
    """The labels cannot be read as requested."""


@dataclass(frozen=True)
class LabelFacts:
    """The known facts of one file; "" where unknown, several of one kind joined by SEVERAL."""

    label: str = ""
    artist: str = ""
    album: str = ""


def collected(facts: Iterable[LabelFacts]) -> Labels:
    """Collect one row per file, in order; text arrays [n].

    Artists and albums are compared regardless of case and spacing.
    """
    rows = [(fact.label, _plain(fact.artist), _plain(fact.album)) for fact in facts]
    return Labels(*np.array(rows, np.str_).reshape(-1, 3).T)


def label_files(how: str, root: Path, tags: Mapping[Path, FileTags]) -> dict[Path, LabelFacts]:
    """Label each file of `tags`, all of them below `root`.

    `how`: `folder`, the first folder below the root; `tag:genre` (or artist, album, year), the
    file's tag, each genre or artist of several; else a CSV with the columns path (relative to the
    root), label, and optionally artist and album, which take precedence over the tags. Files that
    a CSV omits have no label. Raises LabelError.
    """
    if how == "folder":
        return {path: _facts(_folder(path, root), tag) for path, tag in tags.items()}
    if how.startswith("tag:"):
        name = how.removeprefix("tag:")
        if name not in TAGS:
            raise LabelError(f"labels {how!r}: the supported tags are {', '.join(TAGS)}")
        return {path: _facts(_label(tag, name), tag) for path, tag in tags.items()}
    listed = _read(Path(how))
    return {
        path: _joined(listed.get(path.relative_to(root).as_posix(), LabelFacts()), tag)
        for path, tag in tags.items()
    }


def _facts(label: str, tag: FileTags) -> LabelFacts:
    return LabelFacts(label, several(tag.artists), tag.album or "")


def _label(tag: FileTags, name: str) -> str:
    if name in LISTS:
        return several(getattr(tag, LISTS[name])).casefold()
    value = getattr(tag, name)
    return "" if value is None else str(value).casefold()


def several(names: Iterable[str]) -> str:
    """Join the names to one text, as Labels has them."""
    return SEVERAL.join(names)


def _joined(row: LabelFacts, tag: FileTags) -> LabelFacts:
    return LabelFacts(row.label, row.artist or several(tag.artists), row.album or tag.album or "")


def _folder(path: Path, root: Path) -> str:
    parts = path.relative_to(root).parts
    return clean(parts[0]) if len(parts) > 1 else ""


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _read(path: Path) -> dict[str, LabelFacts]:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with too many fields
            rows = pd.read_csv(
                path, encoding="utf-8-sig", dtype=str, keep_default_na=False, index_col=False
            )
    except pd.errors.EmptyDataError:
        rows = pd.DataFrame()
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise LabelError(
            f"labels {str(path)!r}: not `folder`, not `tag:genre`, and no CSV ({error})"
        ) from error
    if not {"path", "label"} <= set(rows) <= set(COLUMNS):
        raise LabelError(f"{path}: its first line must name {', '.join(COLUMNS)}")
    if twice := rows["path"][rows["path"].duplicated()].tolist():
        raise LabelError(f"{path}: {twice[0]} has two rows")
    known = rows.reindex(columns=COLUMNS, fill_value="")
    return {row[0]: LabelFacts(*map(clean, row[1:])) for row in known.itertuples(index=False)}
