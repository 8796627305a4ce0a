"""A real Prometheus scrapes a real server by the configuration that is shipped."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.deploy.queries import MONITORING, alerts, expressions, metrics_named
from tests.patience import PATIENCE
from tests.serving.collection import Collection, numbered
from tests.serving.server import server
from tests.serving.service import eventually, eventually_serves

KEY = "of-a-file"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("promtool"), reason="`make test-deploy` installs Debian's prometheus"
    ),
]


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def configuration(folder: Path, target: str) -> Path:
    """The shipped configuration, for a server on loopback, a key of its own and no waiting."""
    shutil.copy(MONITORING / "alerts.yml", folder)
    (folder / "key").write_text(f"{KEY}\n")
    content = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    [job] = content["scrape_configs"]
    job["static_configs"] = [{"targets": [target]}]
    job["authorization"]["credentials_file"] = str(folder / "key")
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(content))
    return file


@asynccontextmanager
async def prometheus(file: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    command = [
        *("prometheus", f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"),
        f"--storage.tsdb.path={file.parent / 'tsdb'}",
    ]
    with (file.parent / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            await eventually(lambda: ready(client))
            yield client
    finally:
        process.terminate()
        process.wait()


async def ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).is_success
    except httpx.TransportError:
        return False


async def asked(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=parameters)
    assert answer.is_success, f"{parameters}: {answer.text}"
    return answer.json()["data"]


async def states(client: httpx.AsyncClient) -> dict[str, str]:
    [group] = (await asked(client, "rules"))["groups"]
    assert [rule["lastError"] for rule in group["rules"] if rule.get("lastError")] == []
    return {rule["name"]: rule["state"] for rule in group["rules"]}


def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    promtool("check", "config", "--syntax-only", MONITORING / "prometheus.yml")
    promtool("check", "rules", MONITORING / "alerts.yml")
    promtool("test", "rules", MONITORING / "alerts_test.yml")


async def test_all_that_the_dashboard_and_the_alerts_name_is_scraped(
    database_url: str, sessions: Sessions, store: ArtifactStore, tmp_path: Path, free_port: int
) -> None:
    collection = Collection(sessions, store)
    [track, _] = collection.add(*numbered(2))
    version = collection.publish()
    settings = Settings(DATABASE_URL=database_url, data=store.root, api_key=SecretStr(KEY))
    async with server(settings, tmp_path / "log", workers=2) as (process, url):
        headers = {"X-API-Key": KEY}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) as api:
            await eventually_serves(api, version)
            assert (await api.get(f"/v1/tracks/{track}/similar")).is_success
        file = configuration(tmp_path, url.removeprefix("http://"))
        async with prometheus(file, free_port) as client:

            async def scraped() -> bool:
                found = await asked(client, "query", query="count_over_time(up[1m]) > 3")
                return bool(found["result"])

            await eventually(scraped)
            names = set(await asked(client, "label/__name__/values"))
            assert len(metrics_named()) > 15
            assert metrics_named() - names == set()
            for expression in expressions():
                await asked(client, "query", query=expression)
            [up] = (await asked(client, "query", query="up"))["result"]
            assert (up["metric"]["job"], up["value"][1]) == ("soundalike", "1")
            assert await states(client) == {rule["alert"]: "inactive" for rule in alerts()}

            process.terminate()
            process.wait()

            async def noticed() -> bool:
                return (await states(client))["SoundalikeDown"] == "pending"

            await eventually(noticed)
