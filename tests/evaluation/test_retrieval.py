"""Every metric against its definition, written out slowly; and what must not count."""

import numpy as np
import pytest

from soundalike.evaluation.retrieval import METRICS, Labels, bootstrap, per_query


def labels(label: str, artist: str | None = None, album: str | None = None) -> Labels:
    """A letter a track; `.` is unknown."""

    def letters(text: str | None) -> np.ndarray:
        return np.array([c.strip(".") for c in text or "." * len(label)], np.str_)

    return Labels(letters(label), letters(artist), letters(album))


def drawn(seed: int, count: int = 40) -> tuple[np.ndarray, Labels]:
    random = np.random.default_rng(seed)
    similarity = random.standard_normal((count, count))
    names = ["".join(random.choice(list("abc."), count)) for _ in range(3)]
    return similarity, labels(*names)


def by_definition(similarity: np.ndarray, known: Labels, row: int, *, strict: bool) -> list[float]:
    """precision@5, precision@10, R-precision, average precision of one query."""

    def shared(names: np.ndarray, other: int) -> bool:
        return bool(names[row]) and bool(names[row] == names[other])

    pool = [
        other
        for other in range(len(known))
        if other != row
        and not (strict and (shared(known.artist, other) or shared(known.album, other)))
    ]
    pool.sort(key=lambda other: -similarity[row, other])
    hits = [shared(known.label, other) for other in pool]
    total = sum(hits)
    if not total:
        return [np.nan] * 4
    precisions = [sum(hits[:rank]) / rank for rank, hit in enumerate(hits, 1) if hit]
    return [sum(hits[:5]) / 5, sum(hits[:10]) / 10, sum(hits[:total]) / total, np.mean(precisions)]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_metric_that_is_not_what_its_name_says(seed: int, strict: bool) -> None:
    similarity, known = drawn(seed)
    candidates = known.candidates(other_artist=strict, other_album=strict)
    found = per_query(similarity, known.relevant(), candidates)
    for row in range(len(known)):
        expected = by_definition(similarity, known, row, strict=strict)
        assert [found[name][row] for name in METRICS] == pytest.approx(expected, nan_ok=True)


def test_a_part_of_the_queries_is_measured_as_all_of_them() -> None:
    similarity, known = drawn(9)
    relevant = known.relevant()
    candidates = known.candidates(other_artist=True, other_album=False)
    whole = per_query(similarity, relevant, candidates)
    part = per_query(similarity[7:13], relevant[7:13], candidates[7:13])
    for name in METRICS:
        np.testing.assert_array_equal(part[name], whole[name][7:13])


def test_unknown_labels_do_not_agree_with_each_other() -> None:
    assert labels("..a").relevant().sum() == 0


def test_unknown_artists_are_not_one_artist() -> None:
    known = labels("aaa", artist="..x")
    assert known.candidates(other_artist=True, other_album=True).sum() == 6


def test_the_artist_filter_takes_only_the_query_s_own_artist() -> None:
    known = labels("aaaa", artist="xxyy")
    allowed = known.candidates(other_artist=True, other_album=False)
    assert allowed[0].tolist() == [False, False, True, True]


def test_a_track_counts_itself_as_found() -> None:
    similarity = np.eye(12)
    known = labels("b" * 11 + "a")
    found = per_query(similarity, known.relevant(), known.candidates(**NO_FILTER))
    assert np.isnan(found["precision@5"][11])
    assert found["precision@10"][0] == 1


NO_FILTER = {"other_artist": False, "other_album": False}


def test_queries_with_nothing_to_find_do_not_lower_the_mean() -> None:
    values = np.array([1.0, np.nan, 1.0])
    assert bootstrap(values, np.array(["x", "y", "z"])).mean == 1


def test_many_tracks_of_one_artist_pass_for_much_evidence() -> None:
    random = np.random.default_rng(0)
    per_artist = np.repeat(random.random(10), 50)
    artists = np.repeat([f"artist {n}" for n in range(10)], 50)
    alone = np.array([f"track {n}" for n in range(500)])
    by_artist, by_track = bootstrap(per_artist, artists), bootstrap(per_artist, alone)
    assert by_artist.mean == by_track.mean
    assert by_artist.high - by_artist.low > 4 * (by_track.high - by_track.low)


def test_the_interval_is_of_95_percent() -> None:
    values = np.random.default_rng(0).standard_normal(400)
    interval = bootstrap(values, np.full(400, ""))
    half = (interval.high - interval.low) / 2
    assert half == pytest.approx(1.96 * values.std() / np.sqrt(400), rel=0.08)


def test_an_artist_of_many_tracks_weighs_as_many_in_the_interval() -> None:
    values = np.repeat([0.0, 1.0], [91, 9])
    artists = np.array(["of many"] * 91 + [f"of one {n}" for n in range(9)])
    interval = bootstrap(values, artists)
    assert interval.mean == pytest.approx(0.09)
    # of ten artists drawn, at most three are the one of many in 98 % of the draws
    assert interval.low == pytest.approx(7 / (7 + 3 * 91))


def test_tracks_of_unknown_artists_are_drawn_as_one() -> None:
    values = np.tile([0.0, 1.0], 100)
    interval = bootstrap(values, np.full(200, ""))
    assert interval.low < 0.5 < interval.high


def test_no_value_at_all_is_no_number() -> None:
    assert np.isnan(bootstrap(np.array([np.nan]), np.array(["x"])).mean)
