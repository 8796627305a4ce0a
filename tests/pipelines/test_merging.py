"""Merging runs by itself, apart from publishing, and only where it is due."""

import dagster as dg
import pytest

from soundalike.vectors.tiers import FAN_OUT
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


@pytest.mark.slow
def test_small_segments_are_merged_once(orchestra: Orchestra) -> None:
    assert "are few" in str(orchestra.merge_tick().skip_reason), "nothing is published"
    for number in range(FAN_OUT):
        assert orchestra.merge_tick().run_requests == []
        song(orchestra.music / f"{number}.flac", seconds=2.0, seed=number)
        orchestra.ingest(f"b{number + 1:06d}")
        assert orchestra.run("publish_index").success
    assert len(orchestra.merge_tick().run_requests or []) == 1
    result = orchestra.run("merge_segments")
    assert result.success
    [event] = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey("merged_segments")
    assert event.materialization.metadata["dagster/row_count"].value == FAN_OUT
    assert "are few" in str(orchestra.merge_tick().skip_reason)
    assert orchestra.index_tick().run_requests == [], "no index is called for"
