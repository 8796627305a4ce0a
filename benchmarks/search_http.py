"""Search through HTTP, one worker: latency at 1, 16 and 64 clients, HTTP's share, and filters."""

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import search_data
import search_service

from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.kinds import kind_for

CLIENTS = (1, 16, 64)
SECONDS = 4
SHARES = (0.5, 0.1, 0.01, 0.001)


async def _one(port: int, requests: list[bytes], end: float, times: list[float]) -> None:
    """Send requests one after another over a plain socket: client libraries cost time as well."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.perf_counter() < end:
        started = time.perf_counter()
        writer.write(requests[number % len(requests)])
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - started)
        number += 1
    writer.close()


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU seconds of the process so far: of its event loop's thread, and of all its threads."""
    threads = {thread.id: thread for thread in psutil.Process(pid).threads()}
    spent = {number: each.user_time + each.system_time for number, each in threads.items()}
    return spent[pid], sum(spent.values())


async def load(port: int, paths: list[str], clients: int) -> tuple[float, float, float]:
    """p50 and p99 in ms, and requests a second."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    times: list[float] = []
    started = time.perf_counter()
    end = started + SECONDS
    shifted = [requests[n:] + requests[:n] for n in range(clients)]
    await asyncio.gather(*(_one(port, mine, end, times) for mine in shifted))
    rate = len(times) / (time.perf_counter() - started)
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    return float(p50), float(p99), rate


def searching(port: int) -> tuple[float, float]:
    """Seconds and number of searches so far, waiting for a thread included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = response.read().decode().splitlines()
    named = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return tuple(float(named[f"soundalike_search_seconds_{part}"]) for part in ("sum", "count"))  # type: ignore[return-value]


def measure(port: int, pid: int, count: int) -> dict[str, float]:
    """Similar tracks of random tracks.

    The index is searched in threads of their own: what the event loop's takes is all the rest.
    """
    random, figures = np.random.default_rng(3), {}
    tracks = [f"/v1/tracks/{row:032x}" for row in random.integers(0, count, 500)]
    ping = asyncio.run(load(port, ["/health/live"], 1))[0]
    for clients in CLIENTS:
        before, cpu = searching(port), cpu_seconds(pid)
        p50, p99, rate = asyncio.run(load(port, [f"{t}/similar" for t in tracks], clients))
        spent = np.subtract(searching(port), before)
        search = 1000 * spent[0] / spent[1]
        loop, whole = 1e6 * np.subtract(cpu_seconds(pid), cpu) / spent[1]
        print(
            f"  {clients:>3} clients: p50 {p50:7.2f} ms, p99 {p99:7.2f} ms, {rate:6.0f}/s;"
            f" search {search:.2f} ms with waiting;"
            f" CPU {loop:.0f} us a request, {whole:.0f} us with the search"
        )
        figures |= {
            f"http_p50_ms_{clients}_clients": p50,
            f"http_p99_ms_{clients}_clients": p99,
            f"http_requests_a_second_{clients}_clients": rate,
            f"http_cpu_us_{clients}_clients": loop,
            f"http_cpu_with_search_us_{clients}_clients": whole,
        }
        if clients == 1:
            figures["http_share_1_client"] = ping / p50
            figures["http_search_ms_1_clients"] = search
            figures["rest_share_1_client"] = 1 - (ping + search) / p50
            print(f"      of that HTTP {ping:.2f} ms ({ping / p50:.0%}), columns and JSON the rest")
    for share in SHARES:  # years are spread evenly over 1000 of them
        wanted = f"/similar?year_to={999 + round(1000 * share)}"
        p50 = asyncio.run(load(port, [track + wanted for track in tracks], 1))[0]
        print(f"  filter of {share:.1%}: p50 {p50:.2f} ms")
        figures[f"http_filter_{share}_p50_ms"] = p50
    return figures


def main() -> None:
    root, count = Path(sys.argv[1]), int(sys.argv[2])
    matrix, _ = search_data.collection(count)
    version = search_data.write_artifact(ArtifactStore(root), matrix, kind_for(count).name)
    del matrix
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)  # as root, Postgres runs as another user
        with connected_database(Settings(data=Path(name)), durable=False) as url:
            search_service.fill(url, count)
            search_service.publish(url, version, count)
            with search_service.served(url, root) as (port, pid):
                print(f"\nHTTP, one worker, {count} tracks, {kind_for(count).name}")
                figures = measure(port, pid, count)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
