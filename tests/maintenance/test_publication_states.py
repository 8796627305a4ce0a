"""Any order of building, publishing, rolling back and collecting serves what is whole."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from soundalike.catalog import index_versions, publications
from soundalike.catalog.engine import open_catalog
from soundalike.errors import ArtifactError
from soundalike.ingest.next_index import next_index
from soundalike.maintenance.garbage import collect
from soundalike.maintenance.local_garbage import Retention
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import verify_version
from tests.conftest import new_database
from tests.serving.collection import SPACE, Collection, numbered


class Publications(RuleBasedStateMachine):
    """A library, and what is known of its versions: their tracks, by the order of their builds."""

    def __init__(self, server_url: str) -> None:
        super().__init__()
        self.open = ExitStack()
        data = self.open.enter_context(tempfile.TemporaryDirectory())
        sessions = open_catalog(self.open.enter_context(new_database(server_url)))
        self.open.callback(sessions.kw["bind"].dispose)
        self.library = Collection(sessions, ArtifactStore(Path(data)))
        self.tracks = self.library.add(*numbered(2))
        self.built: dict[str, list[str]] = {}
        self.collected: set[str] = set()
        self.served: str | None = None
        self.pinned = False

    def teardown(self) -> None:
        self.open.close()

    @rule()
    def music_is_added(self) -> None:
        self.tracks += self.library.add(*numbered(1))

    @rule(which=st.integers(0, 9))
    def music_is_removed(self, which: int) -> None:
        if len(self.tracks) > 1:
            self.library.remove(self.tracks.pop(which % len(self.tracks)))

    @rule()
    def an_index_is_built(self) -> None:
        version = self.library.build()
        self.built.pop(version, None)
        self.built[version] = sorted(self.tracks)
        self.collected.discard(version)

    @rule()
    def the_library_is_followed(self) -> None:
        """The pipeline leaves alone what a person published."""
        wanted = next_index(self.library.sessions, self.library.store, SPACE, "auto")
        assert (wanted.version is None) == (self.pinned or self._is_current())
        if wanted.version:
            self.an_index_is_built()
            assert next(reversed(self.built)) == wanted.version
            self.served = self.library.publish()

    @rule(which=st.integers(0, 9))
    def a_person_publishes(self, which: int) -> None:
        if not self.built:
            return
        version = list(self.built)[which % len(self.built)]
        if version in self.collected:
            with pytest.raises(ArtifactError, match="removed by `soundalike gc`"):
                self.library.publish(version)
        else:
            self.served, self.pinned = self.library.publish(version), True

    @rule(keep=st.integers(0, 2))
    def garbage_is_collected(self, keep: int) -> None:
        limits = Retention(indexes=keep, days=1)
        removed = collect(self.library.sessions, self.library.store, SPACE.key, limits)
        order = [version for version in self.built if version not in self.collected]
        older = order[: order.index(self.served)] if self.served else []
        gone = older[: max(len(older) - keep, 0)]
        assert {item.path.name for item in removed} == set(gone)
        self.collected |= set(gone)

    @invariant()
    def what_was_published_last_is_served(self) -> None:
        with self.library.sessions() as session:
            served = publications.published(session)
        assert (served.index.version if served else None) == self.served

    @invariant()
    def each_version_that_was_not_collected_is_whole(self) -> None:
        store = self.library.store
        for version, tracks in self.built.items():
            if version in self.collected:
                assert not store.index(version).exists()
                continue
            with self.library.sessions() as session:
                recorded = index_versions.recorded_manifest(session, version)
            assert verify_version(store.index(version), recorded).tracks == len(tracks)
            assert OpenIndex.open(store.index(version)).track_ids == tracks

    def _is_current(self) -> bool:
        return self.served is not None and self.built[self.served] == sorted(self.tracks)


@pytest.mark.slow
def test_no_order_of_events_serves_what_is_gone(server_url: str) -> None:
    limits = settings(max_examples=15, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(lambda: Publications(server_url), settings=limits)
