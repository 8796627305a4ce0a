"""What people read in the Dagster UI: the labels, and nothing that reads them back."""

import ast

import dagster as dg
import numpy as np

from pipelines.check_results import check_result
from pipelines.markdown import plain
from pipelines.metadata import scan_metadata
from soundalike.ingest.scan import ScanReport
from soundalike.vectors.checks import check_matrix
from tests.pipelines.conftest import Orchestra
from tests.sounds import song
from tests.source import REPOSITORY, files


def shown(orchestra: Orchestra, asset: str) -> dict[str, object]:
    """The metadata of the asset's latest materialisation, by label."""
    event = orchestra.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


def test_each_asset_shows_what_its_run_did_and_what_it_cost(orchestra: Orchestra) -> None:
    for seed in range(3):
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)
    (orchestra.music / "bad|name.mp3").write_text("words")
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    assert shown(orchestra, "library")["new_files"] == 4
    raw = shown(orchestra, "raw_audio")
    assert (raw["dagster/row_count"], raw["failures"]) == (3, 1)
    assert "bad\\|name.mp3" in str(raw["failed_files"])
    embedded = shown(orchestra, "embeddings")
    assert embedded["dagster/row_count"] == 3
    assert {"audio_hours", "times_real_time", "peak_memory_mib", "cpu_percent"} <= set(embedded)
    index, published = shown(orchestra, "faiss_index"), shown(orchestra, "published_index")
    assert index["version"] == published["version"]
    assert index["dagster/row_count"] == published["dagster/row_count"] == 3


def test_a_check_shows_each_thing_that_was_checked() -> None:
    result = check_result(check_matrix(np.full((2, 4), 0.5, np.float32), 4, 2))
    assert result.passed
    assert "norm" in str(result.metadata["checked"].value)
    failed = check_result(check_matrix(np.ones((2, 4), np.float32), 4, 2))
    assert not failed.passed
    [line] = [row for row in str(failed.metadata["checked"].value).splitlines() if "NO" in row]
    assert "norms are within" in line


def test_each_problem_of_a_scan_stays_on_its_line() -> None:
    report = ScanReport(problems=["/music: two\nlines", "/other_disk: is it mounted?"])
    shown = scan_metadata(report)["what_was_wrong"]
    assert shown.splitlines() == ["/music: two\\x0alines", "/other_disk: is it mounted?"]


def test_a_name_cannot_break_out_of_a_table() -> None:
    assert plain("a|b\nc<script>`") == "a\\|b\\\\x0ac\\<script\\>\\`"


def labels() -> set[str]:
    """The keys of the dictionaries in the modules that make metadata that are labels of ours."""
    modules = [REPOSITORY / "pipelines" / name for name in ("metadata.py", "check_results.py")]
    nodes = [node for module in modules for node in ast.walk(ast.parse(module.read_text()))]
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    found = {key.value for key in keys if isinstance(key, ast.Constant)}
    return {label for label in found if "_" in label}


def test_no_code_reads_a_label_back() -> None:
    """Consumers of a report take the report (the `reports` resource), not what the UI calls it."""
    assert len(labels()) > 15
    readers = []
    for file in files("pipelines", "soundalike", "serving"):
        for node in ast.walk(ast.parse(file.read_text())):
            key = getattr(node, "slice", None)
            if isinstance(node, ast.Subscript) and isinstance(key, ast.Constant):
                readers += [f"{file}: {key.value}"] if key.value in labels() else []
            if isinstance(node, ast.Attribute) and node.attr == "get_asset_materialization_events":
                readers.append(f"{file}: {node.attr}")
    assert readers == []
