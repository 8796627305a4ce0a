"""What Dagster loads: complete, quick to load, and told nothing by the environment."""

import subprocess
import sys

import dagster as dg

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
    }


def test_loading_them_loads_no_model_library() -> None:
    program = (
        "import sys, pipelines.definitions as d; d.defs();"
        "print([name for name in ('torch', 'transformers', 'faiss') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
