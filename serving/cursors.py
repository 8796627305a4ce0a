"""Cursors: the position where a page of a list ended, as an opaque, URL-safe text."""

import base64
import json
from typing import Any

from serving.errors import Problem


def encode_cursor(*values: str | float) -> str:
    """Encode these values as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


# Continues a list of tracks from its very beginning.
EXAMPLE_CURSOR = encode_cursor(0, "", "")


def decode_cursor(cursor: str, *kinds: type) -> list[Any]:
    """Decode a cursor that holds values of these types. Raises Problem for any other text."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError) as error:
        raise invalid_cursor() from error
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise invalid_cursor()
    return values


def invalid_cursor() -> Problem:
    """Create the 422 for a cursor that this API did not create."""
    hint = "send the `next_cursor` of a page unchanged, or begin without one"
    return Problem(422, "invalid-request", f"cursor: not a cursor of this API; {hint}")
