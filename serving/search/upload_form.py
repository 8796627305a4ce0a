"""The form of an upload, multipart/form-data: its one part `file` is passed on, never held."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.errors import Problem

PART = "file"
MAX_PART_HEADER_BYTES = 4096


class UploadForm:
    """A form whose only part is a file; its content is passed on, never held."""

    def __init__(self, boundary: bytes) -> None:
        self._content = bytearray()
        self._header = b""
        self._value = b""
        self._name: bytes | None = None
        self._files = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_begin": self._header_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_part_begin": self._part_begins,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_end": self._end,
                },
            )
        except (FormParserError, ValueError) as error:
            raise _broken() from error

    async def read(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the file's content."""
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _broken() from error
            yield bytes(self._content)
            self._content.clear()

    def require_file(self) -> None:
        """Require that the whole form came, and a file in it. Raises Problem."""
        if not self._ended:
            raise _broken()
        if self._files != 1:
            raise Problem(422, "invalid-request", f"send the audio file as the part `{PART}`")

    def _part_begins(self) -> None:
        self._name = None

    def _header_begins(self) -> None:
        self._header = self._value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = self._bounded(self._header + data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = self._bounded(self._value + data[start:end])

    def _bounded(self, value: bytes) -> bytes:
        if len(value) > MAX_PART_HEADER_BYTES:
            raise _broken()
        return value

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name")

    def _headers_end(self) -> None:
        if self._name != PART.encode() or self._files:
            detail = f"a form may have one part, `{PART}`: the audio file; options go in the query"
            raise Problem(422, "invalid-request", detail)
        self._files += 1

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        self._ended = True


def _broken() -> Problem:
    return Problem(
        400, "broken-form", "the body is no valid multipart/form-data; is its boundary right?"
    )
