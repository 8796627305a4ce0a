"""A library's map: it stays where it was while music comes and goes, and is never half there."""

import numpy as np
import pytest

from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError
from soundalike.maps.draw import draw_map, has_map
from soundalike.maps.layout import EXTENT, refit
from soundalike.storage.atomic import remove_folder
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.map_files import (
    MANIFEST,
    POINTS,
    MapManifest,
    Points,
    read_manifest,
    read_points,
    write_map,
)
from tests.damage import flip_a_bit, overwrite, truncate
from tests.serving.collection import Collection, numbered


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    made = Collection(sessions, store)
    made.add(*numbered(60))
    made.publish()
    return made


def drawn(collection: Collection) -> tuple[MapManifest, Points]:
    manifest = draw_map(collection.sessions, collection.store)
    folder = collection.store.map(manifest.index_version)
    assert read_manifest(folder) == manifest
    return manifest, read_points(folder, manifest)


def positions(points: Points) -> dict[str, bytes]:
    return {
        track: at.tobytes() for track, at in zip(points.track_ids, points.positions, strict=True)
    }


def test_a_map_has_every_track_of_the_served_index(collection: Collection) -> None:
    manifest, points = drawn(collection)
    assert set(points.track_ids) == set(collection.vectors)
    assert (manifest.tracks, manifest.placed, manifest.parent) == (60, 0, None)
    assert manifest.trustworthiness is not None
    again, same = drawn(collection)
    assert again.layout == manifest.layout
    assert positions(same) == positions(points)


def test_a_few_new_tracks_move_no_other(collection: Collection) -> None:
    first, before = drawn(collection)
    new = collection.add(*numbered(6))
    collection.publish()
    second, after = drawn(collection)
    assert second.layout == first.layout
    assert second.placed == 6
    assert second.index_version != first.index_version
    assert positions(before).items() <= positions(after).items()
    assert {t for t, f in zip(after.track_ids, after.fitted, strict=True) if not f} == set(new)


def test_a_map_of_another_space_is_no_beginning(collection: Collection) -> None:
    first, points = drawn(collection)
    folder = collection.store.map(first.index_version)
    remove_folder(folder)
    write_map(folder, first.model_copy(update={"space": "another"}), points)
    collection.add(*numbered(6))
    collection.publish()
    second, _ = drawn(collection)
    assert second.layout != first.layout
    assert (second.parent, second.placed) == (None, 0)


def test_many_new_tracks_make_another_layout_of_the_last(collection: Collection) -> None:
    """Six are few, and six more are many."""
    first, before = drawn(collection)
    for _ in range(2):
        collection.add(*numbered(6))
        collection.publish()
        last, after = drawn(collection)
    assert last.layout != first.layout
    assert (last.parent, last.placed) == (first.layout, 0)
    shared = [after.track_ids.index(track) for track in before.track_ids]
    moved = np.linalg.norm(after.positions[shared] - before.positions, axis=1)
    assert np.median(moved) < 0.5, "of a square of 1.6, in which it would be 0.8 by chance"


@pytest.mark.parametrize("first", [1, 2, 5])
def test_a_collection_that_began_small_has_a_map_like_any_other(
    sessions: Sessions, store: ArtifactStore, first: int
) -> None:
    collection = Collection(sessions, store)
    for count in (first, 59):
        collection.add(*numbered(count))
        collection.publish()
        manifest, points = drawn(collection)
    assert manifest.placed == 0
    assert np.abs(points.positions).max() == pytest.approx(EXTENT)
    assert len(np.unique(points.positions, axis=0)) == first + 59


def test_a_refined_layout_stays_within_the_map() -> None:
    vectors = np.eye(40, dtype=np.float32)
    before = np.random.default_rng(0).uniform(-1, 1, (40, 2)).astype(np.float32)
    assert np.abs(refit(vectors, before, np.ones(40, bool))).max() <= 1 + 1e-6


def test_tracks_that_go_leave_the_others_where_they_were(collection: Collection) -> None:
    _, before = drawn(collection)
    gone = before.track_ids[:5]
    for track in gone:
        collection.remove(track)
    collection.publish()
    _, after = drawn(collection)
    assert positions(after) == {k: v for k, v in positions(before).items() if k not in gone}


@pytest.mark.parametrize("damage", [flip_a_bit, truncate])
@pytest.mark.parametrize("name", [POINTS, MANIFEST])
def test_a_damaged_map_is_not_read_and_drawn_again(
    collection: Collection, name: str, damage: object
) -> None:
    manifest, points = drawn(collection)
    folder = collection.store.map(manifest.index_version)
    damage(folder / name)
    with pytest.raises(ArtifactError, match="map_layout"):
        read_points(folder, read_manifest(folder))
    again, same = drawn(collection)
    assert again.layout == manifest.layout, "from scratch, as the first was"
    assert positions(same) == positions(points)


def test_no_flipped_bit_of_a_manifest_changes_what_it_says(collection: Collection) -> None:
    manifest, _ = drawn(collection)
    file = collection.store.map(manifest.index_version) / MANIFEST
    whole, noticed = file.read_bytes(), 0
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            overwrite(file, bytes(changed))
            try:
                assert read_manifest(file.parent) == manifest
            except ArtifactError:
                noticed += 1
    assert noticed > 0.9 * 8 * len(whole), "but for blanks, and letters that JSON takes either way"


def test_a_map_of_before_manifests_had_a_digest_is_read_and_gone_on_from(
    collection: Collection,
) -> None:
    first, points = drawn(collection)
    folder = collection.store.map(first.index_version)
    overwrite(folder / MANIFEST, first.model_dump_json(exclude={"digest"}).encode())
    assert has_map(collection.store, first.index_version)
    assert read_points(folder, read_manifest(folder)).track_ids == points.track_ids
    collection.add(*numbered(1))
    collection.publish()
    second, _ = drawn(collection)
    assert second.layout == first.layout
    assert second.digest is not None


def test_after_a_rollback_music_stays_where_it_was_seen_last(collection: Collection) -> None:
    """And not where it is on the newest map, which is that of the version that was left."""
    first, before = drawn(collection)
    added = collection.add(*numbered(20))
    collection.publish()
    left, _ = drawn(collection)
    assert left.layout != first.layout
    for track in added:
        collection.remove(track)
    collection.publish(first.index_version)
    assert drawn(collection)[0] == first
    collection.add(*numbered(1))
    collection.publish()
    after, points = drawn(collection)
    assert after.index_version not in (first.index_version, left.index_version)
    assert after.layout == first.layout
    assert positions(before).items() <= positions(points).items()


def test_without_an_index_there_is_no_map(sessions: Sessions, store: ArtifactStore) -> None:
    with pytest.raises(ArtifactError, match="no index is published"):
        draw_map(sessions, store)
    assert not store.maps.exists()


def test_a_map_of_another_space_is_no_start(collection: Collection) -> None:
    first, _ = drawn(collection)
    folder = collection.store.map(first.index_version)
    other = first.model_copy(update={"space": "another"})
    overwrite(folder / MANIFEST, other.signed().model_dump_json().encode())
    folder.rename(collection.store.map("older"))
    again, _ = drawn(collection)
    assert again.parent is None
