"""What the UI plots over index versions is of the index's own vectors and the files' own tags."""

import numpy as np
import pytest
from sqlalchemy import select

from soundalike.catalog.index_versions import latest_built
from soundalike.catalog.tables import TrackRow
from soundalike.errors import ArtifactError
from soundalike.evaluation.labels import LabelFacts, collected
from soundalike.maintenance import quality
from soundalike.maintenance.quality import Quality, index_quality
from soundalike.vectors.index.open_index import OpenIndex
from tests.indexes import neighbours
from tests.library import Library
from tests.sounds import song


def build(library: Library, count: int, *, tagged: bool = True) -> OpenIndex:
    """An index of `count` songs of two genres, two songs an artist, in two batches."""
    for seed in range(count):
        genre = {"genre": "Rock; Loud" if seed % 2 else "rock" if seed % 3 else "Folk"}
        tags = {"artist": f"artist {seed // 2}", **(genre if tagged else {})}
        song(library.music / f"{seed}.flac", seconds=1.5, seed=seed, **tags)
    library.scan(batch_tracks=count // 2 + 1)
    for batch in library.pending():
        library.process(batch)
    library.publish()
    return opened(library)


def opened(library: Library) -> OpenIndex:
    with library.sessions() as session:
        version = latest_built(session, library.model.space.key)
    assert version is not None
    return OpenIndex.open(library.store.index(version))


def measured(library: Library) -> Quality:
    return index_quality(library.sessions, library.store)


@pytest.mark.slow
def test_the_numbers_are_of_other_tracks_than_the_index_s(library: Library) -> None:
    index = build(library, 16)
    numbers = measured(library).numbers
    with library.sessions() as session:
        facts = {t.id: t for t in session.scalars(select(TrackRow))}
    shares, lists = [], []
    for track in index.track_ids:
        near = [near for near, _ in neighbours(index, track, 15)]
        lists += near[:10]
        others = [n for n in near if facts[n].artist != facts[track].artist]
        same = [not genres(facts[n]).isdisjoint(genres(facts[track])) for n in others]
        if any(same):
            shares.append(sum(same[:10]) / 10)
    assert numbers["sampled_tracks"] == 16
    assert numbers["genre_queries"] == len(shares)
    assert numbers["genre_precision_at_10"] == pytest.approx(np.mean(shares), abs=1e-4)
    most = max(lists.count(track) for track in index.track_ids)
    assert numbers["largest_hub_share"] == pytest.approx(most / 16)
    vectors = index.exact.vectors()
    cosines = (vectors @ vectors.T)[~np.eye(16, dtype=bool)]
    assert numbers["cosine_median"] == pytest.approx(np.median(cosines), abs=0.01)


def genres(track: TrackRow) -> set[str]:
    return {genre.casefold() for genre in track.genres}


def test_tracks_without_a_genre_are_no_neighbours_of_a_genre() -> None:
    vectors = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    facts = [LabelFacts(("jazz", "rock")[n % 2], f"artist {n // 2}", "") for n in range(24)]
    untagged = [LabelFacts("", f"untagged {n}", "") for n in range(16)]
    among_others = quality._by_genre(vectors, collected([*facts, *untagged]))
    assert among_others
    assert among_others == quality._by_genre(vectors[:24], collected(facts))


def test_untagged_music_has_no_genre_precision(library: Library) -> None:
    build(library, 13, tagged=False)
    numbers = measured(library).numbers
    assert "hubness_skewness" in numbers
    assert "genre_precision_at_10" not in numbers


def test_a_library_of_one_track_is_no_error(library: Library) -> None:
    build(library, 1)
    assert measured(library) == Quality({"sampled_tracks": 1}, "")


def test_a_large_library_is_sampled(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    index = build(library, 14)
    monkeypatch.setattr(quality, "MAX_TRACKS", 5)
    [ids, matrix] = quality._sample(library.store, index.manifest.version)
    assert ids == [index.track_ids[row] for row in (0, 3, 6, 9, 13)]
    for track, vector in zip(ids, matrix, strict=True):
        np.testing.assert_array_equal(vector, index.vector(track))


def test_no_index_yet_says_so(library: Library) -> None:
    with pytest.raises(ArtifactError, match="no index is published yet"):
        measured(library)


DRAWN = np.random.default_rng(0).standard_normal((200, 200))
HUB = 5 * DRAWN + 1
HUB[0] = 1  # the direction that all of them share a little


@pytest.mark.parametrize(
    ("vectors", "why"),
    [
        (1e-3 * DRAWN + 1, "equally near"),
        (HUB, "among the 10 nearest of more than 50%"),
        (DRAWN, ""),
    ],
)
def test_vectors_that_collapsed_are_pointed_out_and_no_others(
    vectors: np.ndarray, why: str
) -> None:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = quality._degenerate(quality.space(unit), ["track"] * 200)
    assert (why in found) if why else not found
