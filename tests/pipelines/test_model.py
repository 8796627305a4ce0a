"""The model resource: a process whose settings differ from the library's fails in plain words."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import dagster as dg
import pytest

from pipelines import resources
from pipelines.resources import Model
from pipelines.run_errors import run_failure
from pipelines.sensors import sealed_batches
from soundalike.catalog.library_settings import adopt
from soundalike.embedders.base import Embedder
from soundalike.errors import SettingsError
from soundalike.settings import Settings, load_settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

BOTH_VALUES = r"windows: the library has 3 .*this process has 5 \(SOUNDALIKE_WINDOWS\)"


@pytest.fixture
def differing(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> Orchestra:
    """A library of three windows, in a process that sets five; with the real model resource."""
    adopt(orchestra.resources["sessions"], Settings(model="musicnn-msd", windows=3))
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", "5")
    load_settings.cache_clear()
    del orchestra.resources["model"]
    return orchestra


def test_a_run_fails_with_both_values(differing: Orchestra) -> None:
    result = differing.run("publish_index")
    assert not result.success
    with pytest.raises(Exception, match=BOTH_VALUES):
        raise run_failure(result, "publish_index", None)


def test_a_tick_fails_with_both_values(differing: Orchestra) -> None:
    song(differing.music / "a.flac")
    sessions = differing.resources["sessions"]
    with (
        dg.build_sensor_context(instance=differing.instance) as context,
        pytest.raises(SettingsError, match=BOTH_VALUES),
    ):
        sealed_batches(context, sessions=sessions, model=Model(sessions))


def test_threads_that_ask_at_a_time_load_the_model_once(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`soundalike ingest` loads it in the background, while its first run may want it already."""
    embedder, begun, loaded = orchestra.resources["model"].load(), Barrier(2, timeout=60), []

    def load_slowly(_: Settings) -> Embedder:
        loaded.append(embedder)
        time.sleep(0.2)
        return embedder

    adopt(orchestra.resources["sessions"], Settings(model="musicnn-msd"))
    monkeypatch.setattr(resources, "load_embedder", load_slowly)
    monkeypatch.setattr(resources, "_loaded", {})
    model = Model(orchestra.resources["sessions"])

    def load() -> Embedder:
        begun.wait()
        return model.load()

    with ThreadPoolExecutor(2) as threads:
        found = [future.result() for future in [threads.submit(load) for _ in range(2)]]
    assert found == [embedder, embedder]
    assert len(loaded) == 1
