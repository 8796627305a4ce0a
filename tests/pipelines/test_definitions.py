"""What Dagster loads: complete, quick to load, and told nothing by the environment."""

import subprocess
import sys

import dagster as dg

from pipelines.definitions import defs
from pipelines.metadata import plain, scan_metadata
from soundalike.ingest.scan import ScanReport


def test_the_definitions_can_be_loaded_and_the_lineage_is_whole() -> None:
    dg.Definitions.validate_loadable(defs())
    graph = defs().resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "library": set(),
        "raw_audio": {"library"},
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


def test_each_problem_of_a_scan_stays_on_its_line() -> None:
    report = ScanReport(problems=["/music: two\nlines", "/other_disk: is it mounted?"])
    shown = scan_metadata(report)["what_was_wrong"]
    assert shown.splitlines() == ["/music: two\\x0alines", "/other_disk: is it mounted?"]


def test_a_name_cannot_break_out_of_a_table() -> None:
    assert plain("a|b\nc<script>`") == "a\\|b\\\\x0ac\\<script\\>\\`"
