"""JSON answers, written once: a route that lists tracks returns one instead of a model.

FastAPI would validate the model again, and write it more slowly (docs/performance.md). The route's
`response_model` still is what the OpenAPI document says of it, and tests hold answers to that.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


class JsonAnswer(Response):
    """An answer of these fields: dataclasses and plain values, of what the route's model has."""

    media_type = "application/json"

    def render(self, content: Mapping[str, Any]) -> bytes:
        """Write the fields as JSON."""
        return _encode(content)
