"""What Dagster loads is complete; tests/test_imports.py holds that it loads no model library."""

import subprocess
import sys

import dagster as dg
import pytest

from pipelines.definitions import defs


def test_the_definitions_can_be_loaded_and_the_lineage_is_whole() -> None:
    dg.Definitions.validate_loadable(defs())
    graph = defs().resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "library": set(),
        "batch_files": {"library"},
        "raw_audio": {"batch_files"},
        "resampled_audio": {"raw_audio"},
        "embeddings": {"resampled_audio"},
        "faiss_index": {"embeddings"},
        "published_index": {"faiss_index"},
        "merged_segments": set(),
        "map_layout": {"published_index"},
    }


@pytest.mark.slow
def test_an_ingest_opens_the_catalog_once() -> None:
    """Loading the definitions reads it, and would start a private server a first time."""
    code = "import sys, pipelines.foreground.command; print('pipelines.assets' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
