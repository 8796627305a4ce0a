"""Files from the Hugging Face hub over plain HTTP: pinned, resumable, and never waited for long.

huggingface_hub 2.4 is not used for it: it throws a partial download away with its process, and
tries an unreachable hub for over half a minute. Proxies (HTTPS_PROXY, NO_PROXY), certificates of
the system (or SSL_CERT_FILE) and a mirror (HF_ENDPOINT) hold as they do there.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx2

ENDPOINT = "https://huggingface.co"
# For the first answer, names and connections included; after it, for a silence within the file.
TIMEOUT_SECONDS = 10.0
MAX_CONFIG_BYTES = 1_000_000  # bytes
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416

DownloadProgress = Callable[[int, int], None]  # bytes that are here, bytes in all (0: not known)


def report_nothing(_have: int, _total: int) -> None:
    """The progress that nobody watches."""


class HubError(Exception):
    """The hub cannot be reached, or does not give the file. The message names host and cause."""


def url_of(repository: str, revision: str, name: str) -> str:
    """Where the hub, or the mirror that HF_ENDPOINT names, has a file of a pinned revision."""
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    return f"{endpoint.rstrip('/')}/{repository}/resolve/{revision}/{name}"


def read(url: str) -> bytes:
    """The content of a small file. Raises HubError."""
    content = b""
    with _answer(url) as response:
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_CONFIG_BYTES:
                raise HubError(f"{_host(url)}: {shown(url)} is too large for what it should be")
    return content


def download(url: str, part: Path, size: int | None, report: DownloadProgress) -> None:
    """Bring `part` to the whole file, going on from what is there of it already.

    Whether it is the right file is for the caller to verify. What has arrived stays in `part` when
    this fails. Raises HubError; OSError if `part` cannot be written.
    """
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return
    with _answer(url, have) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:  # nothing is missing
            return
        if response.status_code != PARTIAL_CONTENT:  # the host sends all of it, whatever we have
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
def _answer(url: str, offset: int = 0) -> Iterator[httpx2.Response]:
    """The host's answer, of which the body, from `offset` on, is still to be read."""
    headers = {"User-Agent": "soundalike", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    client, response = _ask(url, headers)
    with closing(client), closing(response):
        has_no_more = offset and response.status_code == RANGE_NOT_SATISFIABLE
        if response.is_error and not has_no_more:
            told = f"{response.status_code} {response.reason_phrase}".strip()
            raise HubError(f"{_host(url)}: answers {told} for {shown(url)}")
        try:
            yield response
        except httpx2.HTTPError as error:
            raise HubError(f"{_host(url)}: broke off: {_cause(error)}") from error


def _ask(url: str, headers: dict[str, str]) -> tuple[httpx2.Client, httpx2.Response]:
    """In a thread that can be left behind: looking up a name knows no time limit, and each of a
    host's addresses is tried for the whole of one."""
    answer: Future[tuple[httpx2.Client, httpx2.Response]] = Future()

    def ask() -> None:
        try:
            client = httpx2.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS)
            request = client.build_request("GET", url, headers=headers)
            answer.set_result((client, client.send(request, stream=True)))
        except Exception as error:  # a proxy of an unknown kind, a file of certificates, ...
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise HubError(f"{_host(url)}: no answer within {TIMEOUT_SECONDS:g} seconds") from error
    except Exception as error:
        raise HubError(f"{_host(url)}: {_cause(error)}") from error


def shown(url: str) -> str:
    """The URL for people and logs: without the password that HF_ENDPOINT may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _host(url: str) -> str:
    return urlsplit(shown(url)).netloc or shown(url)


def _cause(error: Exception) -> str:
    """In words: without the number that systems put before them."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
