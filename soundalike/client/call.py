"""A call of the API as a value: what is sent, and how the response is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, Literal, Self, TypeVar

import httpx2
from pydantic import TypeAdapter

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[Answer_co]):
    """A request, and the type of its answer: a dataclass, `str` for text, `bytes` for a file.

    Query parameters that are None are not sent: the server's defaults hold.
    """

    answer: type[Answer_co]
    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of the HTTP client's `request`."""
        given = {name: value for name, value in self.query.items() if value is not None}
        headers = {"Content-Type": "application/octet-stream"} if self.content is not None else {}
        return {
            "method": self.method,
            "url": self.path,
            "params": given,
            "json": self.body,
            "content": self.content,
            "headers": headers,
        }

    def after(self, cursor: str) -> Self:
        """Return the call for the next page."""
        if self.body is not None:
            return replace(self, body={**self.body, "cursor": cursor})
        return replace(self, query={**self.query, "cursor": cursor})

    def playlist(self, form: Literal["m3u8", "jspf"] = "m3u8", base: str = "") -> "Call[str]":
        """Return the call for a list's tracks as a playlist, whose paths begin with `base`.

        `{root}` in it is the name of each track's music root.
        """
        wanted = {**self.query, "format": form, "base": base}
        return replace(self, answer=str, query=wanted)  # type: ignore[arg-type, return-value]

    def read(self, response: httpx2.Response) -> Answer_co:
        """Read a successful response. Raises ValueError if it is not of the call's type."""
        if self.answer is str:
            return response.text  # type: ignore[return-value]
        if self.answer is bytes:
            return response.content  # type: ignore[return-value]
        adapter = _adapter(self.answer)  # type: ignore[arg-type] # classes are hashable
        answer: Answer_co = adapter.validate_json(response.content)
        return answer


@cache
def _adapter(answer: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a type, or a generic one
    return TypeAdapter(answer)
