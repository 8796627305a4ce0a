"""`soundalike up`: new music is found, embedded, indexed and served by the daemon alone."""

import shutil
import signal
import socket
from pathlib import Path

import httpx
import pytest
from dagster_graphql import DagsterGraphQLClient

from soundalike.ports import LOOPBACK, busy_port
from tests.e2e.conftest import Installation, until


@pytest.mark.slow
def test_a_file_that_appears_is_served_by_itself_and_ctrl_c_stops_all(
    open_folder: Path, models_dir: Path, demo_music: Path
) -> None:
    music = open_folder / "music"
    music.mkdir()
    songs = sorted(demo_music.rglob("*.opus"))[:3]
    for path in songs[:2]:
        shutil.copy(path, music)
    api, dagster = free_ports(2)
    installation = Installation.at(
        open_folder / "data",
        models_dir,
        SOUNDALIKE_MUSIC=str(music),
        SOUNDALIKE_PORT=str(api),
        SOUNDALIKE_DAGSTER_PORT=str(dagster),
        SOUNDALIKE_WORKERS="1",
    )
    log = open_folder / "log"
    with (
        log.open("w") as output,  # a pipe that nobody reads would fill, and stop them all
        installation.start("up", stdout=output) as process,
        httpx.Client(timeout=30) as http,
    ):
        try:
            client = until(lambda: dagster_client(dagster))

            def served(tracks: int) -> bool:
                assert process.poll() is None
                try:
                    answer = http.get(f"http://127.0.0.1:{api}/v1/index")
                except httpx.ConnectError:
                    return False
                return answer.is_success and answer.json()["tracks"] == tracks

            client.submit_job_execution("scan")
            until(lambda: served(2), 180)
            shutil.copy(songs[2], music)
            client.submit_job_execution("scan")
            until(lambda: served(3), 180)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert process.returncode == 0, log.read_text()
    assert busy_port({"api": (LOOPBACK, api), "dagster": (LOOPBACK, dagster)}) is None


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def dagster_client(port: int) -> DagsterGraphQLClient | None:
    try:
        client = DagsterGraphQLClient("127.0.0.1", port_number=port)
        client._get_repo_locations_and_names_with_pipeline("scan")
    except Exception:
        return None
    return client
