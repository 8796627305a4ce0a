"""Conditions on the shown paths of files, however their accents are written."""

from sqlalchemy import ColumnElement, or_

from soundalike.catalog.folding import spellings
from soundalike.catalog.tables import FileRow


def begins_with(prefix: str) -> ColumnElement[bool]:
    """Condition on files: the shown path begins so."""
    return or_(*(FileRow.shown.startswith(each, autoescape=True) for each in spellings(prefix)))
