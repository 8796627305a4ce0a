"""The map follows the published index by itself, and nothing waits for it."""

import dagster as dg
import pytest

from pipelines.check_results import LEAST_TRUST, map_result
from soundalike.maps.draw import published_map
from soundalike.vectors.map_files import MANIFEST, MapManifest
from tests.damage import truncate
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def fill(orchestra: Orchestra, batch: str, *seeds: int) -> None:
    for seed in seeds:
        song(orchestra.music / f"{seed}.flac", seconds=1.5, seed=seed)
    orchestra.ingest(batch)
    assert orchestra.run("publish_index").success


def served_map(orchestra: Orchestra) -> MapManifest:
    return published_map(orchestra.resources["sessions"], orchestra.resources["store"])


def skipped(orchestra: Orchestra) -> str:
    tick = orchestra.map_tick()
    assert not tick.run_requests
    assert isinstance(tick.skip_reason, dg.SkipReason)
    return str(tick.skip_reason.skip_message)


@pytest.mark.slow
def test_each_published_index_gets_its_map(orchestra: Orchestra) -> None:
    assert skipped(orchestra) == "no index is published yet"
    fill(orchestra, "b000001", *range(5))
    assert orchestra.map_tick().run_requests
    result = orchestra.run("draw_map")
    assert result.success
    [made] = result.asset_materializations_for_node("map_layout")
    manifest = served_map(orchestra)
    assert made.metadata["layout"].value == manifest.layout
    assert made.metadata["dagster/row_count"].value == 5
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    assert "too few tracks" in str(check.description)
    assert f"the published index {manifest.index_version} has a map" == skipped(orchestra)
    fill(orchestra, "b000002", 5)
    assert orchestra.map_tick().run_requests
    assert orchestra.run("draw_map").success
    assert served_map(orchestra).tracks == 6


@pytest.mark.slow
def test_a_map_that_cannot_be_drawn_waits_until_that_is_repaired(orchestra: Orchestra) -> None:
    fill(orchestra, "b000001", 1)
    maps = orchestra.resources["store"].maps
    maps.write_text("a file where the folder is to be")
    assert orchestra.map_tick().run_requests
    assert not orchestra.run("draw_map").success
    assert "next try at" in skipped(orchestra)
    assert orchestra.run("publish_index").success, "an index is published without one"
    maps.unlink()
    assert orchestra.map_tick().run_requests
    assert orchestra.run("draw_map").success


def test_a_damaged_map_is_wanted_again(orchestra: Orchestra) -> None:
    fill(orchestra, "b000001", 1, 2)
    assert orchestra.run("draw_map").success
    folder = orchestra.resources["store"].map(served_map(orchestra).index_version)
    truncate(folder / MANIFEST)
    assert orchestra.map_tick().run_requests
    assert orchestra.run("draw_map").success
    assert served_map(orchestra).tracks == 2


@pytest.mark.parametrize(
    ("trust", "passed"), [(None, True), (LEAST_TRUST, True), (LEAST_TRUST - 0.001, False)]
)
def test_a_map_that_tells_lies_is_a_warning(trust: float | None, passed: bool) -> None:
    manifest = MapManifest(
        index_version="v",
        space="s",
        layout="l",
        parent=None,
        tracks=100,
        placed=0,
        trustworthiness=trust,
        cpu_seconds=1.0,
        points_sha256="",
    )
    result = map_result(manifest)
    assert result.passed == passed
    assert result.severity is dg.AssetCheckSeverity.WARN
