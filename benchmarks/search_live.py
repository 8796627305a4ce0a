"""32 concurrent clients through the live index, against the same queries one after another."""

import asyncio
import datetime as dt
import json
import os
import sys
import time
from pathlib import Path

import search_data

from serving.index.live_index import LiveIndex
from soundalike.catalog.publications import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow, PublicationRow
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.kinds import KindName
from soundalike.vectors.neighbours import NeighbourQuery

CLIENTS = 32
SECONDS = 4
KINDS: tuple[KindName, ...] = ("flat", "flat+pq")


async def a_second(live: LiveIndex, queries: search_data.Matrix, clients: int) -> float:
    """Searches per second of that many clients, each of which searches again at once."""
    served = live.served
    assert served
    done = 0
    end = time.perf_counter() + SECONDS

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            row = (number + done) % len(queries)
            await served.search([NeighbourQuery(queries[row : row + 1], 30)])
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return done / (time.perf_counter() - started)


async def measure(store: ArtifactStore, version: str, queries: search_data.Matrix) -> list[float]:
    """One by one, and with all clients."""
    live = LiveIndex(store, threads=os.cpu_count() or 1)
    publication = PublicationRow(version=version, published_at=dt.datetime.now(dt.UTC))
    await live.follow(PublishedIndex(IndexVersionRow(version=version), publication))
    assert live.served, live.problem
    await a_second(live, queries, 1)
    rates = [await a_second(live, queries, clients) for clients in (1, CLIENTS)]
    rates.append(live.threads.queries / live.threads.batches)
    live.threads.close()
    return rates


def main() -> None:
    store, count = ArtifactStore(Path(sys.argv[1])), int(sys.argv[2])
    matrix, queries = search_data.collection(count)
    print(f"\nlive index, {count} tracks, {os.cpu_count()} search threads, k = 30")
    rates, figures = {}, {}
    for name in KINDS:
        version = search_data.write_artifact(store, matrix, name)
        one, many, _ = rates[name] = asyncio.run(measure(store, version, queries))
        print(
            f"  {name:<12} one by one {one:8.0f}/s, {CLIENTS} clients {many:8.0f}/s,"
            f" {many / one:5.1f} x"
        )
        short = name.rpartition("+")[2]
        figures |= {f"live_one_by_one_{short}_{count}": one, f"live_{short}_{count}": many}
        figures[f"throughput_ratio_{CLIENTS}_clients_{short}_{count}"] = many / one
    ratio = rates["flat+pq"][1] / rates["flat"][0]
    print(f"  {CLIENTS} clients on flat+pq against one by one on flat: {ratio:.1f} x")
    print(json.dumps(figures | {f"throughput_ratio_pq_over_flat_{count}": ratio}))


if __name__ == "__main__":
    main()
