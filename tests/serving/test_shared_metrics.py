"""Workers start, and tell their metrics, also after somebody emptied the temporary folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.shared_metrics import FOLDER, shared_metrics

# prometheus_client decides when it is imported whether numbers are shared.
WORKER = """
import shutil, sys
from serving.metrics import Metrics
metrics = Metrics()
metrics.search_queries.inc()
assert "soundalike_search_queries_total 1.0" in metrics.exposition().decode()
shutil.rmtree(sys.argv[1])
metrics.exposition()
"""


def test_the_folder_is_made_again_for_a_worker_and_for_its_answers(tmp_path: Path) -> None:
    folder = tmp_path / "emptied" / "metrics"
    command = [sys.executable, "-c", WORKER, str(folder)]
    environment = {**os.environ, FOLDER: str(folder)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_server_whose_folder_was_deleted_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    with shared_metrics():
        Path(os.environ[FOLDER]).rmdir()
    assert FOLDER not in os.environ
