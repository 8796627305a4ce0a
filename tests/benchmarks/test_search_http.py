"""The benchmark of searches through HTTP fills a catalog that the service can read."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions
from tests.source import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


def test_each_row_of_the_index_is_a_track_with_a_file_and_the_version_is_published(
    database_url: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    service, data = import_module("search_service"), import_module("search_data")
    service.fill(database_url, 20)
    service.publish(database_url, "bench-20-flat", 20)
    with sessions() as session:
        ids = session.scalars(text("select track_id from files order by track_id")).all()
        tags = session.scalar(text("select min(jsonb_array_length(tags)) from tracks"))
        published = session.scalars(text("select version from publications")).all()
    assert ids == data.track_ids(20)
    assert (tags, published) == (service.WORDS, ["bench-20-flat"])


@pytest.mark.slow
def test_it_runs_to_its_end(open_folder: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "search_http.py"), str(open_folder), "300"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["http_requests_a_second_16_clients"] > 0
    assert figures["http_cpu_us_16_clients"] < figures["http_cpu_with_search_us_16_clients"]
