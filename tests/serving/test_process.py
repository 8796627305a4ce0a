"""The service as a process of its own: what it loads, how it starts, how it stops."""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from soundalike.settings import Settings
from tests.patience import PATIENCE
from tests.ports import free_ports

from .collection import Collection, numbered
from .service import eventually, eventually_serves, running

GRACE_SECONDS = 60


def test_importing_the_service_loads_no_heavy_library() -> None:
    heavy = "{'faiss', 'torch', 'transformers', 'dagster', 'av'}"
    code = f"import sys, serving.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_imports_are_left_out_of_collections_while_it_serves(settings: Settings) -> None:
    """A full one would go through all of them, and nobody is answered meanwhile."""
    gc.unfreeze()  # what other tests imported and left out for good
    async with running(settings):
        assert gc.get_freeze_count() > 50_000
    assert gc.get_freeze_count() == 0


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """uvicorn on a free port, and its URL; its log is in tmp_path."""
    [port] = free_ports(1)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
        "DATABASE_URL": str(settings.database_url),
        "SOUNDALIKE_DATA": str(settings.data),
    }
    command = [sys.executable, "-m", "uvicorn", "serving.app:create_app", "--factory"]
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [*command, "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    yield child, f"http://127.0.0.1:{port}"
    child.kill()
    child.wait()


async def test_uvicorn_serves_swaps_and_stops_at_one_signal(
    process: tuple[subprocess.Popen[bytes], str], collection: Collection, tmp_path: Path
) -> None:
    child, url = process
    [track, _] = collection.add(*numbered(2))
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:

        async def alive() -> bool:
            assert child.poll() is None, (tmp_path / "log").read_text()
            try:
                return (await api.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(alive)
        assert (await api.get("/health/ready")).status_code == 503
        await eventually_serves(api, collection.publish())
        similar = await api.get(f"/v1/tracks/{track}/similar", headers={"X-Request-ID": "seen"})
        assert len(similar.json()["items"]) == 1

    child.send_signal(signal.SIGINT)
    assert child.wait(GRACE_SECONDS) in (0, -signal.SIGINT)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    [asked] = [line for line in lines if line.get("correlation_id") == "seen"]
    assert asked["route"] == "/v1/tracks/{track_id}/similar"
    assert "uvicorn.access" not in {line["logger"] for line in lines}
    assert not [line for line in lines if line["level"] in ("error", "warning")]


@pytest.mark.slow
def test_factory_without_a_key_on_an_open_address_ends_with_the_reason() -> None:
    environment = {**os.environ, "SOUNDALIKE_HOST": "0.0.0.0"}
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "serving.app:create_app", "--factory"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=GRACE_SECONDS,
    )
    assert done.returncode != 0
    assert "SOUNDALIKE_API_KEY" in done.stderr.splitlines()[-1]
