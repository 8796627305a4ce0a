"""What Dagster loads is complete; tests/test_imports.py holds that it loads no model library."""

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
