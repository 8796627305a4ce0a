"""What people read in the Dagster UI: the labels, and nothing that reads them back."""

import ast
import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import dagster as dg
import numpy as np
import pytest

from pipelines.asset_specs import described
from pipelines.assets import ASSETS, EXTERNAL_ASSETS
from pipelines.charts import histogram, named_bars
from pipelines.check_results import check_result
from pipelines.definitions import build_defs
from pipelines.markdown import plain
from pipelines.metadata import scan_metadata
from pipelines.resources import RESOURCES
from pipelines.run_errors import run_failure
from pipelines.run_tags import MODEL, SPACE, VERSION
from soundalike.ingest.scan import ScanReport
from soundalike.settings import Settings, load_settings
from soundalike.vectors.checks import check_matrix
from soundalike.vectors.index_files import IndexManifest
from tests.fakes import FakeModel
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
    assert (raw["dagster/partition_row_count"], raw["failures"]) == (3, 1)
    assert "bad\\|name.mp3" in str(raw["failed_files"])
    embedded = shown(orchestra, "embeddings")
    assert embedded["dagster/partition_row_count"] == 3
    assert {"audio_hours", "times_real_time", "peak_memory_mib", "cpu_percent"} <= set(embedded)
    index, published = shown(orchestra, "faiss_index"), shown(orchestra, "published_index")
    assert index["version"] == published["version"]
    assert index["dagster/row_count"] == published["dagster/row_count"] == 3


def entries(orchestra: Orchestra, asset: str) -> Mapping[str, dg.MetadataValue[Any]]:
    event = orchestra.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata


@pytest.mark.slow
def test_a_batchs_files_are_a_table_with_columns_and_their_lengths_a_picture(
    orchestra: Orchestra,
) -> None:
    for seed in range(60):
        song(orchestra.music / f"{seed:02d}.flac", seconds=1.1, seed=seed)
    (orchestra.music / "two\nlines.mp3").write_text("words")
    orchestra.ingest("b000001")
    raw = entries(orchestra, "raw_audio")
    table = raw["files_of_this_batch"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) == 50, "the first ones; all are in the file"
    assert {column.name for column in table.schema.columns} >= {"path", "codec", "duration"}
    assert raw["dagster/uri"].value == (
        orchestra.resources["store"].batch_manifest("b000001").as_uri()
    )
    assert len(bars(str(raw["durations"].value))) == 1, "all are as long"
    assert "not\\_audio" in str(raw["failed_files"].value)
    assert raw["failures_by_code"].value.startswith("![failures](data:image/svg+xml;base64,")


def svg_of(markdown: str) -> ElementTree.Element:
    return ElementTree.fromstring(base64.b64decode(markdown.partition("base64,")[2].rstrip(")")))


def bars(markdown: str) -> list[str]:
    """The bars of the picture, as parts of its path."""
    [path] = svg_of(markdown).iter("{http://www.w3.org/2000/svg}path")
    return path.attrib["d"].split("M")[1:]


def test_a_picture_has_a_bar_for_each_interval_that_has_values() -> None:
    picture = histogram([1.0, 1.0, 1.1, 5.0, float("inf")], "minutes")
    assert bars(picture) == ["0 110v-110h20v110", "399 110v-37h20v37"]
    many = histogram([n % 97 / 7 for n in range(256)], "minutes")
    assert len(bars(many)) == 20
    assert len(many) < 1000, "the UI shows longer Markdown only behind a link"
    assert named_bars({}, "failures") == histogram([], "minutes") == "none"


def test_a_name_in_a_picture_is_text() -> None:
    svg = svg_of(named_bars({"<b>&": 3, "other": 1}, "failures"))
    assert "<b>&" in {node.text for node in svg.iter()}


def test_embeddings_say_which_spaces_hold_the_batch(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seconds=2.0)
    orchestra.ingest("b000001")
    old = orchestra.resources["model"].space
    orchestra.resources["model"] = FakeModel(replace(old, parameters={"version": 2}))
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    spaces = {old.key, orchestra.resources["model"].space.key}
    assert set(str(shown(orchestra, "embeddings")["spaces_of_this_batch"]).split(", ")) == spaces


@pytest.mark.slow
def test_a_publication_says_what_it_replaces_and_whether_it_is_pinned(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_PORT", "8123")
    load_settings.cache_clear()
    versions = []
    for batch in (1, 2):
        song(orchestra.music / f"{batch}.flac", seconds=2.0, seed=batch)
        orchestra.ingest(f"b{batch:06d}")
        assert orchestra.run("publish_index").success
        versions.append(orchestra.reports.last(IndexManifest).version)
    first, second = versions
    published = entries(orchestra, "published_index")
    assert (published["version"].value, published["replaces"].value) == (second, first)
    assert published["pinned"].value is False
    assert published["served_at"] == dg.MetadataValue.url("http://127.0.0.1:8123/v1/index")
    config = {"ops": {"published_index": {"config": {"version": first}}}}
    only = [dg.AssetKey("published_index")]
    assert orchestra.run("publish_index", asset_selection=only, run_config=config).success
    back = entries(orchestra, "published_index")
    assert (back["version"].value, back["replaces"].value) == (first, second)
    assert back["pinned"].value is True
    [run] = orchestra.instance.get_runs(dg.RunsFilter(tags={VERSION: first}), limit=1)
    assert back["published_by"] == dg.MetadataValue.dagster_run(run.run_id)


def test_runs_can_be_found_by_the_space_the_model_and_the_version(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seconds=2.0)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    space = orchestra.resources["model"].space
    of_space = {SPACE: space.key, MODEL: space.model}
    found = orchestra.instance.get_runs(dg.RunsFilter(tags=of_space))
    assert {run.job_name for run in found} == {"ingest_batch", "publish_index"}
    version = orchestra.reports.last(IndexManifest).version
    [build] = orchestra.instance.get_runs(dg.RunsFilter(tags={VERSION: version}))
    assert build.job_name == "publish_index"


@pytest.mark.slow
def test_a_version_that_does_not_exist_is_answered_with_those_that_do(
    orchestra: Orchestra,
) -> None:
    song(orchestra.music / "a.flac", seconds=2.0)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    built = orchestra.reports.last(IndexManifest).version
    config = {"ops": {"published_index": {"config": {"version": "../../secrets"}}}}
    only = [dg.AssetKey("published_index")]
    refused = orchestra.run("publish_index", asset_selection=only, run_config=config)
    reason = str(run_failure(refused, "publish_index", None))
    assert f"'../../secrets' was ever built; the newest are {built} (1 tracks, " in reason


def test_owners_tags_and_links_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        owners="ann@example.org, team:music",
        asset_tags="domain=music",
        code_url="https://github.com/someone/soundalike/tree/stable",
        database_url="postgresql://user:secret@db.example.org:5432/catalog",
    )
    every = [*ASSETS, *EXTERNAL_ASSETS]
    assets = [*described(every, settings)]
    loaded = dg.Definitions(assets=assets, resources=RESOURCES)
    specs = {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}
    assert len(specs) == len(every)
    links = []
    for spec in specs.values():
        assert list(spec.owners) == ["ann@example.org", "team:music"]
        assert spec.tags["domain"] == "music"
        if "dagster/code_references" in spec.metadata:
            links += spec.metadata["dagster/code_references"].code_references
    assert len(links) >= 6, "each asset that is made here"
    for link in links:
        assert link.url.startswith(
            "https://github.com/someone/soundalike/tree/stable/pipelines/assets/"
        )
    address = specs["library"].metadata["dagster/uri"]
    assert address == "postgresql://db.example.org:5432/catalog"
    columns = specs["raw_audio"].metadata["dagster/column_schema"].columns
    assert "sample_rate" in {column.name for column in columns}


def test_without_an_address_of_the_code_links_lead_to_the_files(orchestra: Orchestra) -> None:
    graph = build_defs(orchestra.resources).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        references = graph.get(key).metadata.get("dagster/code_references")
        if references is not None:
            [link] = references.code_references
            assert Path(link.file_path).is_relative_to(REPOSITORY / "pipelines" / "assets")
    assert graph.get(dg.AssetKey("raw_audio")).metadata.get("dagster/code_references") is not None


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
    """Consumers of a report take the report (the `reports` resource), not what the UI calls it.

    `soundalike` knows nothing of Dagster, and has other things of the same names.
    """
    known = labels()
    assert len(known) > 15
    readers = []
    for file in files("pipelines", "serving"):
        for node in ast.walk(ast.parse(file.read_text())):
            key = getattr(node, "slice", None)
            if isinstance(node, ast.Subscript) and isinstance(key, ast.Constant):
                readers += [f"{file}: {key.value}"] if key.value in known else []
            if isinstance(node, ast.Attribute) and node.attr == "get_asset_materialization_events":
                readers.append(f"{file}: {node.attr}")
    assert readers == []
