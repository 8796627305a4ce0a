"""A run on another machine must make what the daemon's would, and end when it is given up."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from pipelines.definitions import build_defs
from pipelines.remote_run import LOST, SHARED, ends_with_its_run, require_shared, shared_settings
from soundalike.errors import SettingsError
from soundalike.settings import Settings
from tests.pipelines.conftest import Orchestra

URL = "postgresql://soundalike@catalog/soundalike"


def test_equal_settings_are_accepted_wherever_they_do_not_matter() -> None:
    daemon = Settings(database_url=URL, model="musicnn-msd", port=8000)
    node = Settings(database_url=URL, model="mert-v1-95m", port=9000)  # the catalog has the model
    require_shared(node, shared_settings(daemon))
    assert len(shared_settings(daemon)) == len(SHARED)


def test_a_forgotten_setting_is_refused_by_name_with_both_values_and_the_host() -> None:
    daemon = Settings(database_url=URL, data=Path("/shared"), tag_encoding="cp1251")
    with pytest.raises(SettingsError) as refused:
        require_shared(Settings(database_url=URL, data=Path("/own")), shared_settings(daemon))
    lines = str(refused.value).splitlines()
    host = socket.gethostname()
    assert lines[:2] == [
        f"SOUNDALIKE_DATA: the daemon has /shared, {host} has /own",
        f"SOUNDALIKE_TAG_ENCODING: the daemon has cp1251, {host} has auto",
    ]


def test_a_node_without_a_database_never_makes_one_of_its_own() -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL: it is not set on "):
        require_shared(Settings(), {})
    repository = RepositoryPythonOrigin(sys.executable, ModuleCodePointer("pipelines", "defs"))
    origin = JobPythonOrigin("scan", repository)
    run = serialize_value(ExecuteRunArgs(origin, "1", None, set_exit_code_on_failure=True))
    command = [sys.executable, "-P", "-m", "pipelines.remote_run", run]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: DATABASE_URL: it is not set on ")


def _started(orchestra: Orchestra) -> dg.DagsterRun:
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    return orchestra.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)


def test_a_process_ends_once_its_run_was_given_up(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, codes = Event(), []
    monkeypatch.setattr("pipelines.remote_run.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    run = _started(orchestra)
    with ends_with_its_run(orchestra.instance, run.run_id):
        assert not ended.wait(0.2), "it lives while the run does"
        orchestra.instance.report_run_failed(run, "its node is lost")
        assert ended.wait(30)
    assert codes[0] == LOST
