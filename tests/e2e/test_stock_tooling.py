"""Dagster's own commands work at the repository's root, with no variable that leads them."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster_graphql import DagsterGraphQLClient
from sqlalchemy import create_engine, text

from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.tcp_ports import LOOPBACK, busy_port
from tests.e2e.test_up import TIMEOUT_SECONDS, dagster_client
from tests.patience import until
from tests.ports import free_ports
from tests.source import REPOSITORY

PROGRAMS = Path(sys.executable).parent
MODULE = ("-m", "pipelines.definitions")  # `dagster asset` reads neither pyproject nor workspace


class Clone:
    """A clean clone of a user with an empty home, who has music."""

    def __init__(self, folder: Path, demo_music: Path) -> None:
        self.root = folder / "clone"
        self.data = folder / ".local" / "share" / "soundalike"
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, self.root], check=True)
        shutil.copytree(next(demo_music.rglob("*.opus")).parent, folder / "music")
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),  # this clone's code, and not the tests'
            "SOUNDALIKE_MUSIC": str(folder / "music"),
            "SOUNDALIKE_MODEL": "musicnn-msd",
        }

    def run(self, *words: str, expect: int = 0) -> str:
        ended = subprocess.run(
            words,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == expect, ended.stdout
        return ended.stdout

    def server_runs(self) -> bool:
        return (self.data / "postgres" / "cluster" / "postmaster.pid").exists()

    def runs_of(self, job: str) -> int:
        """How many runs of a job succeeded, as Dagster's storage has them."""
        count = (
            "select count(*) from dagster.runs where pipeline_name = :job and status = 'SUCCESS'"
        )
        with connected_database(Settings(data=self.data)) as url:
            engine = create_engine(url)
            with engine.connect() as connection:
                found = connection.execute(text(count), {"job": job}).scalar_one()
            engine.dispose()
        return int(found)


@pytest.fixture(scope="module")
def clone(open_module_folder: Path, demo_music: Path) -> Iterator[Clone]:
    made = Clone(open_module_folder, demo_music)
    yield made
    assert not made.server_runs(), "a private PostgreSQL was left running"
    assert made.run("git", "status", "--porcelain") == "", "something was left in the clone"


@pytest.mark.slow
def test_the_pipeline_is_listed_and_valid(clone: Clone) -> None:
    assert "All code locations passed validation" in clone.run("dagster", "definitions", "validate")
    assert "Job: ingest_batch" in clone.run("dagster", "job", "list")
    assert "published_index" in clone.run("dagster", "asset", "list", *MODULE)
    assert "All definitions loaded successfully" in clone.run("dg", "check", "defs")
    assert "published_index" in clone.run("dg", "list", "defs")
    assert not clone.server_runs()


@pytest.mark.slow
def test_what_is_materialised_is_kept_in_the_data_root(clone: Clone) -> None:
    before = clone.runs_of("__ASSET_JOB")
    clone.run("dagster", "asset", "materialize", "--select", "library", *MODULE)
    assert not clone.server_runs()
    clone.run("dg", "launch", "--assets", "library")
    assert clone.runs_of("__ASSET_JOB") == before + 2
    assert not clone.server_runs()


@pytest.mark.slow
def test_dagster_dev_serves_the_same_instance_and_leaves_nothing_behind(clone: Clone) -> None:
    (port,) = free_ports(1)
    before = clone.runs_of("scan")
    with subprocess.Popen(
        [PROGRAMS / "dagster", "dev", "--port", str(port)],
        cwd=clone.root,
        env=clone.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        client = until(lambda: dagster_client(port), TIMEOUT_SECONDS)
        assert location(client) == "soundalike"
        run = client.submit_job_execution("scan")
        until(lambda: client.get_run_status(run).value == "SUCCESS", TIMEOUT_SECONDS)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(timeout=TIMEOUT_SECONDS)
    assert busy_port({"dagster": (LOOPBACK, port)}) is None
    until(lambda: not clone.server_runs())
    assert clone.runs_of("scan") == before + 1


def location(client: DagsterGraphQLClient) -> str:
    (found,) = client._get_repo_locations_and_names_with_pipeline("scan")
    return str(found.repository_location_name)


@pytest.mark.slow
def test_a_command_that_needs_dagster_home_works_with_what_soundalike_env_prints(
    clone: Clone,
) -> None:
    assert "DAGSTER_HOME" in clone.run("dagster", "schedule", "list", expect=1)
    told = 'eval "$(soundalike env)" && dagster schedule list'
    assert "scan" in clone.run("sh", "-c", told)
    assert not clone.server_runs()


def test_both_files_name_the_same_module_and_location() -> None:
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())
    (loaded,) = workspace["load_from"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert loaded["python_module"] == {
        "module_name": project["code_location_target_module"],
        "location_name": project["code_location_name"],
    }
