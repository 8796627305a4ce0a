"""Answers as pandas tables, a row an item."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Rows:
    """An answer whose items are the rows of a table."""

    items: Any

    def to_pandas(self) -> "pd.DataFrame":
        """Return the items as a table."""
        return to_pandas(self.items)


def to_pandas(items: Iterable[Any]) -> "pd.DataFrame":
    """Return items, of a page or of all pages, as a table; a result's track is in its row."""
    import pandas as pd

    return pd.DataFrame([_row(item) for item in items])


def _row(item: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the answers
    row: dict[str, Any] = {}
    for field in fields(item):
        value = getattr(item, field.name)
        row |= _row(value) if is_dataclass(value) else {field.name: value}
    return row
