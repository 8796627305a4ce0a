"""200 swaps under load: no query may fail, and none may be answered from two versions."""

import asyncio
import datetime as dt
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.index.live_index import LiveIndex
from soundalike.catalog.publications import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow, PublicationRow
from soundalike.settings import KindChoice
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.neighbours import NeighbourQuery
from tests.indexes import unit_vectors, write_index

SWAPS, CLIENTS, DIMENSION, K = 200, 8, 16, 10


def published(version: str) -> PublishedIndex:
    now = dt.datetime.now(dt.UTC)
    return PublishedIndex(
        IndexVersionRow(version=version), PublicationRow(version=version, published_at=now)
    )


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["flat", "flat+pq"])
async def test_no_swap_is_noticed(choice: KindChoice, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    matrices: dict[str, NDArray[np.float32]] = {
        f"v{seed}": unit_vectors(400 + 50 * seed, DIMENSION, seed) for seed in range(4)
    }
    for version, matrix in matrices.items():
        write_index(store.index(version), matrix, choice=choice)
    live = LiveIndex(store, threads=2)
    await live.follow(published("v0"))
    vectors = unit_vectors(50, DIMENSION, seed=77)
    answers: list[tuple[str, int, list[int]]] = []
    done = False

    async def client(number: int) -> None:
        asked = number
        while not done:
            served = live.served
            assert served
            place = asked % len(vectors)
            [hits] = await served.search([NeighbourQuery(vectors[place : place + 1], K)])
            answers.append(
                (served.manifest.version, place, [int(track[1:]) for track in hits.track_ids])
            )
            asked += CLIENTS

    clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
    for swap in range(SWAPS):
        await live.follow(published(f"v{(swap + 1) % len(matrices)}"))
    done = True
    await asyncio.gather(*clients)
    assert live.load_failures == 0
    expected: dict[Any, list[int]] = {
        (version, place): np.argsort(-(matrix @ vector), kind="stable")[:K].tolist()
        for version, matrix in matrices.items()
        for place, vector in enumerate(vectors)
    }
    wrong = [found for found in answers if found[2] != expected[found[:2]]]
    assert not wrong
    assert {version for version, _, _ in answers} == set(matrices)
    live.threads.close()


@pytest.mark.slow
async def test_the_old_version_is_let_go(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    for seed in range(2):
        write_index(store.index(f"v{seed}"), unit_vectors(50, DIMENSION, seed))
    live = LiveIndex(store)
    await live.follow(published("v0"))
    taken = live.served
    assert taken
    old = weakref.ref(taken.index)
    await live.follow(published("v1"))
    gc.collect()
    assert old() is not None, "a request is still at it"
    [hits] = await taken.search([NeighbourQuery(unit_vectors(1, DIMENSION), 1)])
    assert len(hits.track_ids) == 1
    del taken
    assert live.served
    await live.served.search(
        [NeighbourQuery(unit_vectors(1, DIMENSION), 1)]
    )  # the thread is at the new one
    gc.collect()
    assert old() is None
    live.threads.close()
