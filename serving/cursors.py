"""Cursors: where a page of a list ended, as an opaque, URL-safe text."""

import base64
import json
from typing import Any

from serving.errors import Problem


def encode_cursor(*values: str | float) -> str:
    """A cursor of these values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def decode_cursor(cursor: str, *kinds: type) -> list[Any]:
    """The values of a cursor that `encode_cursor` made of such kinds. Raises Problem for others."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError) as error:
        raise invalid_cursor() from error
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise invalid_cursor()
    return values


def invalid_cursor() -> Problem:
    """The 422 for a cursor that is none of this API's."""
    what_to_do = "give `next_cursor` of a page as it was, or begin without one"
    return Problem(422, "invalid-request", f"cursor: not a cursor of this API; {what_to_do}")
