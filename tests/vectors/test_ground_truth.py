"""The ground truth of a version follows its predecessor's, and is what reading everything finds."""

import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.vectors import ground_truth
from soundalike.vectors.ground_truth import KEPT, GroundTruth, K, follow, load, measure
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import IndexManifest
from tests.indexes import write_segments
from tests.vectors.test_exactness import with_ties

ROWS, DIMENSION, QUERIES = 400, 16, 12
MATRIX = with_ties(ROWS, DIMENSION)


def version(root: Path, parts: list[NDArray[np.int64]], removed: Collection[int] = ()) -> OpenIndex:
    """A version of these rows in `root`, which must not be there yet."""
    return OpenIndex.open(write_segments(root, parts, MATRIX, removed))


def assert_true(truth: GroundTruth, index: OpenIndex) -> None:
    """All that is kept of each query is what reading every row finds, not only the first K."""
    assert truth.version == index.manifest.version
    margin = np.float32(index.exact.margin)
    scores = truth.true_scores(index)
    for query, tracks, kept in zip(truth.queries, truth.nearest, scores, strict=True):
        rows = np.setdiff1d(np.arange(len(index)), index.rows_of(query.excluded))
        read = np.sort(index.exact.scores(query.positive[0], rows))[::-1]
        np.testing.assert_array_equal(kept, read[:K] - margin)
        named = index.known_rows([track.decode() for track in tracks if track])
        found = index.exact.scores(query.positive[0], named)
        np.testing.assert_array_equal(found, read[: len(found)])


@settings(max_examples=15)
@given(data=st.data())
def test_what_follows_is_what_reading_everything_finds(data: st.DataObject) -> None:
    """Over albums that come and tracks that go, any number of times."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    order = random.permutation(ROWS)
    cuts = sorted(data.draw(st.sets(st.integers(250, ROWS - 1), max_size=4), label="albums"))
    parts = np.split(order, cuts)
    removed: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        index = version(Path(name) / "0", parts[:1])
        truth = measure(index, QUERIES)
        assert_true(truth, index)
        for number in range(1, len(parts)):
            before = index.manifest
            share = data.draw(st.sampled_from([0.0, 0.02, 0.2]), label="gone")
            old = order[: cuts[number - 1]]
            removed |= {int(row) for row in old if random.random() < share}
            index = version(Path(name) / str(number), parts[: number + 1], removed)
            followed = follow(truth, before, index)
            truth = followed or measure(index, QUERIES)
            assert_true(truth, index)
            assert followed or share, "an album alone leaves no query with too few"


@pytest.fixture
def parts() -> list[NDArray[np.int64]]:
    return [np.arange(200), np.arange(200, 260), np.arange(260, 300)]


def test_only_segments_with_new_batches_are_read(
    parts: list[NDArray[np.int64]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version(tmp_path / "before", parts[:2])
    truth, index = measure(before, QUERIES), version(tmp_path / "now", parts)
    read: list[list[int] | None] = []
    searched = index.exact.candidates

    def recorded(
        queries: NDArray[np.float32], count: int, segments: list[int] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        read.append(segments)
        return searched(queries, count, segments)

    monkeypatch.setattr(index.exact, "candidates", recorded)
    assert follow(truth, before.manifest, index)
    [numbers] = read
    assert [len(index.segments[number].ids) for number in numbers or []] == [40]


def test_queries_are_drawn_anew_when_the_library_has_doubled(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    before = version(tmp_path / "before", [np.arange(150)])
    truth = measure(before, QUERIES)
    almost = version(tmp_path / "almost", [np.arange(150), np.arange(150, 299)])
    assert follow(truth, before.manifest, almost)
    doubled = version(tmp_path / "doubled", [np.arange(150), np.arange(150, 300)])
    assert follow(truth, before.manifest, doubled) is None


def test_what_was_made_anew_or_came_back_is_measured_anew(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    before = version(tmp_path / "before", parts, removed={3, 210})
    truth = measure(before, QUERIES)
    assert follow(truth, before.manifest, before)
    back = version(tmp_path / "back", parts, removed={210})
    assert follow(truth, before.manifest, back) is None, "track 3 came back"

    def other(batches: dict[str, str]) -> IndexManifest:
        return before.manifest.model_copy(update={"batches": batches})

    first = {**before.manifest.batches, "b000000": "0" * 64}
    assert follow(truth, other(first), before) is None, "the batch had other vectors"
    older = before.manifest.model_copy(update={"segments": [], "removed": {}})
    assert follow(truth, older, before) is None, "nobody knows what it had removed"


def test_a_batch_that_is_gone_as_a_whole_is_no_reason_to_read_everything(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    """Its rows are still in its segment, which is not read for them, and never again."""
    before = version(tmp_path / "before", parts)
    truth = measure(before, QUERIES)
    gone = before.manifest.batches.keys() - {"b000001"}
    for number in range(2):
        manifest = before.manifest.model_copy(
            update={
                "batches": {key: before.manifest.batches[key] for key in gone},
                "version": f"{number}",
                "tracks": 240,
            }
        )
        index = OpenIndex(manifest, before.segments)
        followed = follow(truth, before.manifest, index)
        assert followed
        assert_true(followed, index)
        truth, before = followed, index
    returned = version(tmp_path / "returned", parts)
    followed = follow(truth, before.manifest, returned)
    assert followed
    assert_true(replace(followed, version="v"), returned)


def test_too_few_that_are_left_of_the_nearest_are_not_taken_for_all(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    before = version(tmp_path / "before", parts)
    truth = measure(before, QUERIES)
    assert truth.nearest.shape == (QUERIES, KEPT)
    nearest = {int(track[1:]) for track in truth.nearest[0, : KEPT - K]}
    enough = version(tmp_path / "enough", parts, removed=sorted(nearest)[1:])
    followed = follow(truth, before.manifest, enough)
    assert followed
    assert_true(followed, enough)
    few = version(tmp_path / "few", parts, removed=nearest)
    assert follow(truth, before.manifest, few) is None


def test_a_library_of_a_few_tracks_has_a_ground_truth(tmp_path: Path) -> None:
    for count in (1, 5):
        index = version(tmp_path / str(count), [np.arange(count)])
        truth = measure(index, QUERIES)
        assert_true(truth, index)
        assert sum(map(bool, truth.excluded)) == QUERIES // 2, "half are tracks"


def assert_same(kept: GroundTruth | None, truth: GroundTruth) -> None:
    assert kept
    assert (kept.version, kept.tracks) == (truth.version, truth.tracks)
    for name in ("vectors", "excluded", "nearest"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(truth, name))


def test_the_file_is_read_as_it_was_saved_or_not_at_all(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    truth, file = measure(version(tmp_path / "v", parts), QUERIES), tmp_path / "truth.npz"
    assert load(file) is None
    truth.save(file)
    assert_same(load(file), truth)
    whole, refused = file.read_bytes(), 0
    for at in range(0, len(whole), 7):
        file.write_bytes(whole[:at])
        assert load(file) is None
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if kept := load(file):  # a date, say, of the archive
            assert_same(kept, truth)
        refused += kept is None
    assert refused > len(whole) / 7 / 2


def test_an_array_that_is_said_to_be_shorter_is_damaged(
    parts: list[NDArray[np.int64]], tmp_path: Path
) -> None:
    """numpy would read that much of it, and compare no checksum."""
    file = tmp_path / "truth.npz"
    measure(version(tmp_path / "v", parts), 200).save(file)
    shorter = file.read_bytes().replace(b"(200, 16)", b"(100, 16)")
    assert shorter != file.read_bytes()
    file.write_bytes(shorter)
    assert load(file) is None


def test_a_file_of_objects_is_none(tmp_path: Path) -> None:
    file = tmp_path / "truth.npz"
    with file.open("wb") as opened:
        np.savez(opened, vectors=np.array([{}], object))
    assert ground_truth.load(file) is None
