"""Files from the Hugging Face hub over plain HTTP: pinned, resumable, with short timeouts.

huggingface_hub 2.4 is not used for it: it loses a partial download when its process ends, and
tries an unreachable hub for over half a minute. Proxies (HTTPS_PROXY, NO_PROXY), certificates of
the system (or SSL_CERT_FILE) and a mirror (HF_ENDPOINT) are respected as by huggingface_hub.
"""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from soundalike.progress import DownloadProgress
from soundalike.time_limits import within

ENDPOINT = "https://huggingface.co"
# Limits the response, name lookup and connection included; then each pause within the file.
TIMEOUT_SECONDS = 10.0
MAX_CONFIG_BYTES = 1_000_000
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416


class HubError(Exception):
    """The hub cannot be reached or does not send the file. The message names host and cause."""


def url_of(repository: str, revision: str, name: str) -> str:
    """The URL of a file of a pinned revision, at the hub or the mirror that HF_ENDPOINT names."""
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    return f"{endpoint.rstrip('/')}/{repository}/resolve/{revision}/{name}"


def read(url: str) -> bytes:
    """Read a small file of at most MAX_CONFIG_BYTES. Raises HubError."""
    content = b""
    with _open(url) as response:
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_CONFIG_BYTES:
                raise HubError(f"{_host(url)}: {shown(url)} is too large for a configuration file")
    return content


def download(url: str, part: Path, size: int | None, report: DownloadProgress) -> None:
    """Download the rest of a file into `part`, resuming after the bytes that it already has.

    The caller verifies that it is the right file. When this fails, the bytes received so far stay
    in `part`. Raises HubError; OSError if `part` cannot be written.
    """
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return
    with _open(url, have) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:  # nothing is missing
            return
        if response.status_code != PARTIAL_CONTENT:  # the host sends the whole file
            have = 0
        total = have + int(response.headers.get("Content-Length", 0))
        if size is not None and total not in {have, size}:
            raise HubError(f"{_host(url)}: sends {total} bytes where the file has {size}")
        with part.open("ab" if have else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                report(file.tell(), size or (total if total > have else 0))
    if size is not None and part.stat().st_size < size:
        raise HubError(f"{_host(url)}: broke off")


@contextmanager
def _open(url: str, offset: int = 0) -> Iterator[httpx2.Response]:
    """Request a file; yields the response, whose body from `offset` on is still to be read."""
    headers = {"User-Agent": "soundalike", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    client, response = _send(url, headers)
    with closing(client), closing(response):
        has_no_more = offset and response.status_code == RANGE_NOT_SATISFIABLE
        if response.is_error and not has_no_more:
            status = f"{response.status_code} {response.reason_phrase}".strip()
            raise HubError(f"{_host(url)}: answers {status} for {shown(url)}")
        try:
            yield response
        except httpx2.HTTPError as error:
            raise HubError(f"{_host(url)}: broke off: {_cause(error)}") from error


def _send(url: str, headers: dict[str, str]) -> tuple[httpx2.Client, httpx2.Response]:
    """Send the request in a thread, which is abandoned after TIMEOUT_SECONDS.

    httpx2's own timeout does not suffice: it does not limit the name lookup, and it applies to each
    of a host's addresses anew.
    """

    def send() -> tuple[httpx2.Client, httpx2.Response]:
        client = httpx2.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS)
        request = client.build_request("GET", url, headers=headers)
        return client, client.send(request, stream=True)

    try:
        return within(TIMEOUT_SECONDS, send)
    except TimeoutError as error:
        raise HubError(f"{_host(url)}: no answer within {TIMEOUT_SECONDS:g} seconds") from error
    except Exception as error:  # a proxy of an unknown kind, a file of certificates, ...
        raise HubError(f"{_host(url)}: {_cause(error)}") from error


def shown(url: str) -> str:
    """The URL for messages and logs: without the credentials that HF_ENDPOINT may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _host(url: str) -> str:
    return urlsplit(shown(url)).netloc or shown(url)


def _cause(error: Exception) -> str:
    """The error's text without the leading "[Errno 111]"; its class name if it has no text."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
