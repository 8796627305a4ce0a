"""The Dagster UI as `up` starts it: no page of another site starts a run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from soundalike.settings import Settings
from tests.patience import PATIENCE

QUERY = {"query": "{ version }"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real web server with a workspace of no code, and an instance of its own."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "workspace.yaml").write_text("load_from: []\n")
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    port = Settings().dagster_port + 10_000 + os.getpid() % 10_000
    command = [sys.executable, "-P", "-m", "pipelines.web_server", "--port", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "PYTHONPATH": str(Path.cwd())}
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, "--workspace", str(folder / "workspace.yaml")],
            env=environment,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            while not answers(url):
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=PATIENCE).is_success
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_the_ui_and_programs_work(url: str) -> None:
    assert httpx.post(f"{url}/graphql", json=QUERY, timeout=PATIENCE).json()["data"]["version"]
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    assert httpx.post(f"{url}/graphql", json=QUERY, headers=own, timeout=PATIENCE).is_success
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert httpx.get(f"{url}/runs", headers=link, timeout=PATIENCE).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_another_sites_page_executes_nothing(url: str, headers: dict[str, str]) -> None:
    for answer in (
        httpx.post(f"{url}/graphql", params=QUERY, headers=headers, timeout=PATIENCE),
        httpx.post(f"{url}/graphql", json=QUERY, headers=headers, timeout=PATIENCE),
        httpx.get(f"{url}/graphql", params=QUERY, headers=headers, timeout=PATIENCE),
        httpx.get(f"{url}/graphql", headers={**headers, "Upgrade": "websocket"}, timeout=PATIENCE),
    ):
        assert answer.status_code == 403
        assert "SOUNDALIKE_HOSTS" in answer.text
