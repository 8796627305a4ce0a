"""The attacks: each goes on until it is cancelled, against a server on loopback."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.attack.target import Target
from tests.audio.bombs import flac_bomb, id3_bomb

Attack = Callable[[Target, Counter[str]], Awaitable[None]]
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = "Host: 127.0.0.1\r\n"
KIB = 1024
# Made at the start: it takes seconds, in which nobody would attack.
BOMBS = (flac_bomb(0.99), flac_bomb(0.9, claimed=8000), id3_bomb(400), b"PK\x03\x04" * 999)


async def _clients(target: Target, count: int, act: Client) -> None:
    """Have so many clients act at a time, each on a new connection whenever the last has ended."""

    async def client() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
                try:
                    await act(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0)

    await asyncio.gather(*(client() for _ in range(count)))


async def _status(reader: asyncio.StreamReader, answers: Counter[str]) -> None:
    """Count the answer by its status, and read it to its end, which may be that of a connection."""
    line = b""
    with suppress(OSError):
        line = await reader.readline()
    answers[line.split()[1].decode() if line else "closed"] += 1
    with suppress(OSError):
        await reader.read()


async def _post(writer: asyncio.StreamWriter, path: str, kind: str, length: int) -> None:
    head = f"POST {path} HTTP/1.1\r\n{HEAD}Connection: close\r\nContent-Type: {kind}\r\n"
    writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode())
    await writer.drain()


async def half_requests(target: Target, answers: Counter[str]) -> None:
    """400 connections that never end the head of their request."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET /health/live HTTP/1.1\r\n{HEAD}".encode())
        await _status(reader, answers)

    await _clients(target, 400, act)


async def slow_senders(target: Target, answers: Counter[str]) -> None:
    """400 bodies, a byte at a time."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _post(writer, "/v1/search", "application/json", 2**20)
        answer = asyncio.create_task(_status(reader, answers))
        while not answer.done():
            writer.write(b" ")
            await asyncio.wait((answer,), timeout=1.0)

    await _clients(target, 400, act)


async def header_flood(target: Target, answers: Counter[str]) -> None:
    """32 clients that send a megabyte of headers each."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET /health/live HTTP/1.1\r\n{HEAD}".encode())
        with suppress(OSError):
            for number in range(1000):
                writer.write(b"X-%d: %s\r\n" % (number, b"a" * KIB))
                await writer.drain()
        await _status(reader, answers)

    await _clients(target, 32, act)


async def request_flood(target: Target, answers: Counter[str]) -> None:
    """64 clients that search as fast as they are answered."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"/v1/tracks/{target.track}/similar"
        writer.write(f"GET {path} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
        await _status(reader, answers)

    await _clients(target, 64, act)


async def waiting_uploads(target: Target, answers: Counter[str]) -> None:
    """60 clients that send 20 MiB of 64 and wait: what they hold of the disk is what counts."""
    part = bytes(256 * KIB)

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _post(writer, "/v1/search/audio", "audio/flac", 64 * 2**20)
        answer = asyncio.create_task(_status(reader, answers))
        with suppress(OSError):
            for _ in range(80):
                if not answer.done():
                    writer.write(part)
                    await writer.drain()
        await answer

    await _clients(target, 60, act)


async def upload_bombs(target: Target, answers: Counter[str]) -> None:
    """12 clients with files that unpack to hours; every third leaves without its answer."""
    turn = iter(range(10**9))

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(turn)
        body = BOMBS[number % len(BOMBS)]
        await _post(writer, "/v1/search/audio", "audio/flac", len(body))
        writer.write(body)
        await writer.drain()
        if number % 3:
            await _status(reader, answers)
        else:
            await asyncio.sleep(0.2)

    await _clients(target, 12, act)


async def hung_postgres(target: Target, answers: Counter[str]) -> None:
    """64 clients that ask for tracks while PostgreSQL does not reply."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET /v1/tracks HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
        await _status(reader, answers)

    with target.hanging_database():
        await _clients(target, 64, act)


ATTACKS: tuple[Attack, ...] = (
    *(half_requests, slow_senders, header_flood, request_flood, waiting_uploads, upload_bombs),
    hung_postgres,
)
