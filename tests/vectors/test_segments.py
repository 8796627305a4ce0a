"""Answers may not depend, to the bit, on how an index's rows fell into segments."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import ArtifactError
from soundalike.settings import KindChoice
from soundalike.storage.atomic import sha256_of
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST
from soundalike.vectors.cover import MIN_ALIVE, Wanted
from soundalike.vectors.index import rows as rows_module
from soundalike.vectors.index.codes_in_file import CodesInFile
from soundalike.vectors.index.knn import EXHAUSTIVE_FRACTION, MIN_CANDIDATES
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.rows import NO_ROW, RowNumbers
from soundalike.vectors.index.segment import open_segment
from soundalike.vectors.index.segment_merger import merged_draft
from soundalike.vectors.index.segment_writer import Coding, Draft, write_segment
from soundalike.vectors.index.track_ids import FEW
from soundalike.vectors.index_files import read_manifest, write_manifest
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.queries import VectorQuery
from soundalike.vectors.segment_files import IDS, ORIGIN, SourceBatch, read_segment
from tests.damage import delete, flip_a_bit, overwrite
from tests.fakes import FAKE_SPACE
from tests.indexes import unit_vectors, write_index, write_segments
from tests.vectors.test_exactness import with_ties

ROWS, MANY, DIMENSION = 1200, 9000, 32
MATRIX = with_ties(ROWS, DIMENSION)
Rows = NDArray[np.int64]


@st.composite
def partitions(draw: st.DrawFn) -> tuple[list[Rows], frozenset[int]]:
    """The rows in some parts, large and small, in any order; and some that are removed."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    order = random.permutation(ROWS)
    cuts = draw(st.lists(st.integers(1, ROWS - 1), max_size=8, unique=True))
    parts = [np.array(part) for part in np.split(order, sorted(cuts))]
    share = draw(st.sampled_from([0.0, 0.001, 0.1]))
    removed = set(np.flatnonzero(random.random(ROWS) < share).tolist())
    for part in parts:  # no version has a segment of which less is left: it is written anew
        gone = removed.intersection(part.tolist())
        if len(gone) > (1 - MIN_ALIVE) * len(part):
            removed -= gone
    return parts, frozenset(removed)


def queries(index: OpenIndex, seed: int) -> list[VectorQuery]:
    """Queries by tracks, by others, by several and negatives, with rows allowed and left out."""
    random = np.random.default_rng(seed)
    others = unit_vectors(4, DIMENSION, seed=seed % 2**32)
    rows = np.sort(random.choice(len(index), 40, replace=False))
    own = index.exact.vectors(rows[:6])
    asked = [VectorQuery(vector[None], k) for vector in [*own, *others] for k in (1, 10, 150)]
    asked += [
        VectorQuery(MATRIX[17:18], 120),
        VectorQuery(own[:3], 20, negative=others[:1]),
        VectorQuery(own[:1], 20, excluded_rows=rows[:20]),
        VectorQuery(others[:1], 10, allowed_rows=rows),
        VectorQuery(own[:2], len(index)),
    ]
    return asked


@pytest.mark.parametrize("choice", ["flat", "flat+pq"])
@settings(max_examples=5)
@given(partition=partitions(), seed=st.integers(0, 2**32))
def test_any_partition_gives_the_same_answers_to_the_bit(
    choice: KindChoice, partition: tuple[list[Rows], frozenset[int]], seed: int
) -> None:
    parts, removed = partition
    kept = np.array([row for row in range(ROWS) if row not in removed])
    with tempfile.TemporaryDirectory() as name:
        folder = write_segments(Path(name) / "many", parts, MATRIX, removed, choice)
        many = OpenIndex.open(folder)
        one = OpenIndex.open(
            write_segments(Path(name) / "one", [np.arange(ROWS)], MATRIX, removed, choice)
        )
        assert many.track_ids == one.track_ids == [f"t{row:04d}" for row in kept]
        np.testing.assert_array_equal(many.exact.vectors(), MATRIX[kept])
        asked = queries(one, seed)
        for found, expected in zip(many.search(asked), one.search(asked), strict=True):
            assert found.rows.tolist() == expected.rows.tolist()
            assert found.scores.tobytes() == expected.scores.tobytes()
            assert found.complete == expected.complete
        cosines = np.float32([0.1])
        assert many.distribution.percentiles(cosines) == one.distribution.percentiles(cosines)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_codes_give_the_same_answers_in_any_partition(seed: int, tmp_path: Path) -> None:
    """Only candidates of so many rows are scored; 300 equal ones are cut in id order."""
    matrix, others = with_ties(MANY, DIMENSION), unit_vectors(40, DIMENSION, seed=99)
    assert MANY >= EXHAUSTIVE_FRACTION * (MIN_CANDIDATES + 1)
    random = np.random.default_rng(seed)
    order, cuts = random.permutation(MANY), np.sort(random.choice(MANY, 5, replace=False))
    one = OpenIndex.open(write_segments(tmp_path / "one", [order], matrix, choice="flat+pq"))
    parts = np.split(order, cuts)
    many = OpenIndex.open(write_segments(tmp_path / "many", parts, matrix, choice="flat+pq"))
    examples = np.concatenate([matrix[random.integers(0, MANY, 40)], matrix[17:18], others])
    asked = [VectorQuery(vector[None], k) for vector in examples for k in (1, 10, 25)]
    for found, expected in zip(many.search(asked), one.search(asked), strict=True):
        assert found.rows.tolist() == expected.rows.tolist()
        assert found.scores.tobytes() == expected.scores.tobytes()


def test_codes_that_stay_in_their_files_give_the_same_answers(tmp_path: Path) -> None:
    """The codes that fit are in memory, those of the largest segments first."""
    matrix = with_ties(2 * ROWS, DIMENSION)
    parts = np.split(np.random.default_rng(3).permutation(2 * ROWS), [900, 1700])
    folder = write_segments(tmp_path, parts, matrix, choice="flat+pq")
    whole = OpenIndex.open(folder)
    segments = folder.parent.parent / "segments"
    sizes = [(segments / each.name / CODES).stat().st_size for each in whole.segments if each.name]
    asked = [VectorQuery(vector[None], k) for vector in matrix[::60] for k in (1, 10)]
    expected = [hits.scores.tobytes() for hits in whole.search(asked)]
    largest, middle, smallest = sizes
    cases = {
        largest + middle: "SSF",
        largest + smallest: "SFS",
        largest: "SFF",
        smallest: "FFS",
        0: "FFF",
    }
    for memory, kinds in cases.items():
        index = OpenIndex.open(folder, codes_memory=memory)
        in_file = [isinstance(segment.codes, CodesInFile) for segment in index.segments]
        assert in_file == [kind == "F" for kind in kinds]
        assert [hits.scores.tobytes() for hits in index.search(asked)] == expected


def test_a_track_is_found_by_its_id_in_whichever_segment(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(ROWS)
    removed = {5, 6, 1199}
    index = OpenIndex.open(write_segments(tmp_path, np.split(order, [9, 70]), MATRIX, removed))
    kept = [row for row in range(ROWS) if row not in removed]
    for row in (0, 4, 7, 700, 1198):
        assert f"t{row:04d}" in index
        assert index.rows_of([f"t{row:04d}"]).tolist() == [kept.index(row)]
        np.testing.assert_array_equal(index.vector(f"t{row:04d}"), MATRIX[row])
    none = ("t0005", "t1199", "", "t", "t0000 and more", "t0000\0", "\ud800", "ü", "u", "t1200")
    for unknown in none:
        assert unknown not in index
        assert index.rows_of([unknown]).tolist() == []
        with pytest.raises(KeyError):
            index.vector(unknown)
    names = [f"t{row:04d}" for row in kept]
    every, rows = [*none, *names[:40]], [NO_ROW] * len(none) + [*range(40)]
    assert len(every) > FEW >= 4
    for some in (slice(None), slice(8, 12)):
        assert index.track_ids.rows(every[some]).tolist() == rows[some]
    assert [each.decode() for each in index.track_ids.encoded()] == names
    assert index.track_ids[3:6] == names[3:6]
    assert index.track_ids[-1] == names[-1]
    with pytest.raises(IndexError):
        index.track_ids[len(names)]


def test_a_copy_of_a_manifest_with_other_contents_has_another_name(tmp_path: Path) -> None:
    folder = write_segments(tmp_path, [np.arange(ROWS)], MATRIX)
    [name] = read_manifest(folder).segments
    manifest = read_segment(tmp_path / "segments" / name)
    assert manifest.name == name
    assert manifest.model_copy(update={"checks": []}).name == name
    assert manifest.model_copy(update={"dimension": 3}).name != name


def test_ids_that_end_alike_and_differ_in_length_are_different(tmp_path: Path) -> None:
    """Fixed-width arrays pad with zero bytes, which are part of no id."""
    index = OpenIndex.open(write_index(tmp_path / "v", unit_vectors(3, 8)))
    assert "t0001" in index
    assert "t0001\0" not in index
    assert "t00010" not in index


def test_only_segments_that_are_new_are_opened(tmp_path: Path) -> None:
    order = np.arange(ROWS)
    folder = write_segments(tmp_path, np.split(order, [400, 1150]), MATRIX)
    first = OpenIndex.open(folder)
    kept = [segment for segment in first.segments if len(segment.ids) > 100]
    for segment in kept:
        assert segment.name
        delete(tmp_path / "segments" / segment.name / INDEX)
    again = OpenIndex.open(folder, opened=kept)
    assert set(kept) < set(again.segments)
    np.testing.assert_array_equal(again.exact.vectors(), MATRIX)


def test_a_damaged_segment_is_refused_unless_another_has_its_rows(tmp_path: Path) -> None:
    parts = np.split(np.arange(ROWS), [400, 1150])
    folder = write_segments(tmp_path / "a", parts, MATRIX)
    flip_a_bit(next((tmp_path / "a" / "segments").iterdir()) / INDEX)
    with pytest.raises(ArtifactError, match=r"segment \w+: index\.faiss is damaged"):
        OpenIndex.open(folder)


def test_the_same_rows_make_the_same_segment(tmp_path: Path) -> None:
    parts = [np.arange(50), np.arange(50, 80)]
    names = []
    for name in "ab":
        write_segments(tmp_path / name, parts, MATRIX[:80], choice="flat+pq")
        names.append(sorted(path.name for path in (tmp_path / name / "segments").iterdir()))
    assert names[0] == names[1]


@given(
    parts=st.lists(st.sets(st.integers(0, 400), max_size=60), min_size=1, max_size=8),
    looked_up=st.sampled_from([0, 1, 8]),
)
def test_rows_are_in_the_order_of_ids_however_they_are_divided(
    parts: list[set[int]], looked_up: float
) -> None:
    """With a few ids that are merged at a time, so that most arrays have none among them."""
    disjoint = [part.difference(*parts[:number]) for number, part in enumerate(parts)]
    ids = [np.array([f"{n:03d}" for n in sorted(part)], "S3") for part in disjoint]
    alive = [np.flatnonzero(np.arange(len(part)) % 3) for part in ids]
    kept = [part[rows].tolist() for part, rows in zip(ids, alive, strict=True)]
    expected = sorted(name for names in kept for name in names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "MERGED_AT_ONCE", 4)
        patch.setattr(rows_module, "LOOKED_UP", looked_up)
        rows = RowNumbers(ids, [*alive])
    assert rows.count == len(expected)
    for number, (rows_alive, names) in enumerate(zip(alive, kept, strict=True)):
        found = rows.numbers(number, rows_alive)
        assert [expected[row] for row in found.tolist()] == names
        gone = np.setdiff1d(np.arange(len(ids[number])), rows_alive)
        assert set(rows.numbers(number, gone).tolist()) <= {NO_ROW}


@pytest.mark.parametrize(
    ("merged_at_once", "looked_up"), [(1, 0), (2, 0), (3, 0), (4096, 0), (4096, 1)]
)
def test_a_track_in_two_segments_is_refused(
    merged_at_once: int, looked_up: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "MERGED_AT_ONCE", merged_at_once)
    monkeypatch.setattr(rows_module, "LOOKED_UP", looked_up)
    ids = np.array([b"t1", b"t2", b"t4"])
    for other in ([b"t2", b"t3"], [b"t4"], [b"t0", b"t1"]):
        with pytest.raises(ArtifactError, match="two segments of an index have the same track"):
            RowNumbers([ids, np.array(other)], [None, None])


def test_the_best_rows_are_found_behind_any_number_of_better_ones_that_were_removed() -> None:
    """Rows 0 to 79 of 100 are better and gone; a search gives the best of all 100."""
    ids = np.array([f"t{row:03d}".encode() for row in range(100)])
    rows = RowNumbers([ids, ids[:0]], [np.arange(80, 100), None])
    scores = np.linspace(1, 0, 100, dtype=np.float32)[None]
    asked: list[int] = []

    def search(count: int) -> tuple[NDArray[np.float32], Rows]:
        asked.append(count)
        return scores[:, :count], np.arange(count)[None]

    for wanted in (1, 3, 20):
        found, numbers = rows.group([0]).best(wanted, search)
        assert numbers.tolist() == [list(range(wanted))]
        assert found.tolist() == [scores[0, 80 : 80 + wanted].tolist()]
    found, numbers = rows.group([0]).best(50, search)
    assert (found.shape, numbers.shape) == ((1, 20), (1, 20)), "all that it has"
    assert max(asked) == 100


@pytest.mark.parametrize("rows", [[1, 0, 2], [0, 0, 1]])
def test_a_segment_out_of_the_order_of_ids_is_refused(tmp_path: Path, rows: list[int]) -> None:
    """Whole, and hashed by whoever wrote it; ties are broken by row, and must be by id."""
    write_segments(tmp_path, [np.arange(3)], unit_vectors(3, 8))
    [folder] = (tmp_path / "segments").iterdir()
    manifest = read_segment(folder)
    ids = np.array([f"t{row:04d}".encode() for row in rows])
    overwrite(folder / IDS, ids.tobytes())
    files = manifest.files | {IDS: sha256_of(folder / IDS)}
    other = manifest.model_copy(update={"files": files})
    with pytest.raises(ArtifactError, match="not in the order of their ids"):
        open_segment(folder, other, IndexKind("flat"))


def test_a_segment_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    write_segments(tmp_path, [np.arange(3)], unit_vectors(3, 8))
    [folder] = (tmp_path / "segments").iterdir()
    other = folder.rename(folder.with_name("0" * 16))
    with pytest.raises(ArtifactError, match="the segment's name is not its"):
        read_segment(other)


def test_a_manifest_whose_checks_were_changed_is_refused(tmp_path: Path) -> None:
    write_segments(tmp_path, [np.arange(3)], unit_vectors(3, 8))
    [folder] = (tmp_path / "segments").iterdir()
    manifest = read_segment(folder)
    changed = manifest.model_copy(update={"checks": manifest.checks[1:]})
    assert len(changed.checks) < len(manifest.checks)
    overwrite(folder / MANIFEST, changed.model_dump_json().encode())
    with pytest.raises(ArtifactError, match="its digest"):
        read_segment(folder)


def test_merged_segments_of_one_batch_lack_only_what_both_lack(tmp_path: Path) -> None:
    """A track was away when its batch's segment was written, and has one of its own."""
    matrix, hashes = unit_vectors(6, 8), {"b000001": "1" * 64}
    space = replace(FAKE_SPACE, dimension=8)
    written = []
    for rows in ([0, 1, 2, 4], [3]):
        lacks = tuple(row for row in range(6) if row not in rows)
        batch = SourceBatch(sha256=hashes["b000001"], rows=6, left_out=lacks)
        origins = np.array([(0, row) for row in rows], ORIGIN)
        ids = np.array([f"t{row:04d}".encode() for row in rows])
        draft = Draft({"b000001": batch}, ids, origins, [matrix[rows]])
        coding = Coding("", IndexKind("flat"), None)
        written.append(write_segment(tmp_path, space, coding, draft, None))
    merged = merged_draft(tmp_path, Wanted(hashes, {"b000001": [1]}, ""), written)
    assert merged.batches["b000001"].left_out == (1, 5)
    assert merged.ids.tolist() == [b"t0000", b"t0002", b"t0004", b"t0003"]
    assert merged.origins.tolist() == [(0, 0), (0, 2), (0, 4), (0, 3)]
    np.testing.assert_array_equal(np.concatenate([*merged.blocks]), matrix[[0, 2, 4, 3]])


def test_a_version_of_fewer_tracks_than_its_manifest_says_is_refused(tmp_path: Path) -> None:
    folder = write_segments(tmp_path, [np.arange(5), np.arange(5, 9)], unit_vectors(9, 8))
    write_manifest(folder, read_manifest(folder).model_copy(update={"tracks": 10}))
    with pytest.raises(ArtifactError, match="9 vectors of 8 dimensions in its segments"):
        OpenIndex.open(folder)
