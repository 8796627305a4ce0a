"""The attack on the files of the index that is served: no answer may come from what was changed."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from soundalike.storage.layout import ArtifactStore
from tests.attack.attacks import HEAD
from tests.attack.target import Target
from tests.damage import append, delete, overwrite, randomise, replace_by_loop, truncate, writable

DAMAGES: tuple[Callable[[Path], None], ...] = (
    *(randomise, truncate, append, delete, replace_by_loop),
)
CLIENTS = 16
DAMAGED_SECONDS = 3.0  # the service looks every five, so it meets most of it


async def changed_index(target: Target, answers: Counter[str]) -> None:
    """Each file of the index is changed, cut off, replaced and removed, while 16 clients search.

    An answer that is not that of before counts as `wrong`; `noticed` are the times that readiness
    named a problem.
    """
    similar = f"/v1/tracks/{target.track}/similar"
    _, right = await _get(target, similar)

    async def search() -> None:
        while True:
            status, hits = await _get(target, similar)
            answers[status if status != "200" or hits == right else "wrong"] += 1
            await asyncio.sleep(0)

    searching = asyncio.gather(*(search() for _ in range(CLIENTS)))
    try:
        while True:
            for damage in DAMAGES:
                for path in _index_files(target.data):
                    await _damage(target, answers, damage, path)
    finally:
        searching.cancel()


async def _damage(
    target: Target, answers: Counter[str], damage: Callable[[Path], None], path: Path
) -> None:
    content = path.read_bytes()
    try:
        damage(path)
        await asyncio.sleep(DAMAGED_SECONDS)
        _, ready = await _get(target, "/health/ready")
        answers["noticed"] += bool(ready.get("problem"))
    finally:
        if path.is_symlink():
            with writable(path.parent):
                path.unlink()
        overwrite(path, content)


def _index_files(data: Path) -> list[Path]:
    store = ArtifactStore(data)
    folders = [*store.segments.iterdir(), *store.indexes.iterdir()]
    return sorted(path for folder in folders for path in folder.iterdir() if path.is_file())


async def _get(target: Target, path: str) -> tuple[str, dict]:
    """Return the status, and the answer; of hits only what the index decides."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, answer = head.split()[1].decode(), json.loads(body)
    if "items" in answer:
        answer = {item["track"]["id"]: item["score"] for item in answer["items"]}
    return status, answer
